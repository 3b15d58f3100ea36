// Says of a table that is wider than its place that it scrolls, as long as there is more to see.
(() => {
  const tell = (scroll) => {
    const rest = scroll.scrollWidth - scroll.clientWidth;
    scroll.classList.toggle("more", rest - scroll.scrollLeft > 2);
    scroll.previousElementSibling.hidden = rest <= 2;
  };
  const watch = new ResizeObserver((entries) => entries.forEach((entry) => tell(entry.target)));
  document.querySelectorAll(".table > .scroll").forEach((scroll) => {
    watch.observe(scroll);
    scroll.addEventListener("scroll", () => tell(scroll), { passive: true });
  });
})();
