// Puts plotly's figures in the place of the drawings, where the browser can unpack plotly.
(async () => {
  if (!("DecompressionStream" in window)) return;
  const text = document.getElementById("specs").textContent;
  const packed = Uint8Array.from(atob(document.getElementById("plotly").textContent), (c) => c.charCodeAt(0));
  const unpacked = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const script = document.createElement("script");
  script.textContent = await new Response(unpacked).text();
  document.head.append(script);

  const colors = () => {
    const style = getComputedStyle(document.documentElement);
    const [ink, grid, blue] = ["--ink", "--grid", "--blue"].map((name) => style.getPropertyValue(name).trim());
    return { ink, grid, blue };
  };
  const spec = (name) => JSON.parse(text.replaceAll("var(--blue)", colors().blue))[name];
  // A finger that moves over a figure scrolls the page.
  const touched = matchMedia("(pointer: coarse)").matches ? { dragmode: false } : {};
  const themed = (layout) => {
    const { ink, grid } = colors();
    const axis = (own) => own && { ...own, gridcolor: grid, linecolor: ink, zeroline: false, automargin: true };
    return {
      ...layout,
      ...touched,
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { color: ink, size: 12, family: "system-ui, DejaVu Sans, sans-serif" },
      ...(layout.xaxis ? { xaxis: axis(layout.xaxis), yaxis: axis(layout.yaxis) } : {}),
    };
  };
  const config = { responsive: true, displaylogo: false };
  const live = [];
  const draw = (drawing) => {
    const name = drawing.dataset.plot;
    const { data, layout } = spec(name);
    const plot = document.createElement("div");
    plot.className = "plot";
    if (data[0].dimensions) plot.style.minWidth = `${6 * data[0].dimensions.length}rem`;
    drawing.classList.add("live");
    drawing.querySelector("svg").remove();
    drawing.append(plot);
    Plotly.newPlot(plot, data, themed(layout), config);
    live.push([plot, name]);
  };
  const near = new IntersectionObserver((entries) => {
    for (const entry of entries.filter((e) => e.isIntersecting)) {
      near.unobserve(entry.target);
      draw(entry.target);
    }
  }, { rootMargin: "600px" });
  document.querySelectorAll("[data-plot]").forEach((drawing) => near.observe(drawing));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    for (const [plot, name] of live) {
      const { data, layout } = spec(name);
      Plotly.react(plot, data, themed(layout), config);
    }
  });
})();
