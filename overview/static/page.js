// Draws the charts, and refreshes what is marked data-live every few seconds: scroll position, form, zoom and opened
// tables stay as they are. Without this script the page is the same, with pictures for the charts.
"use strict";

const CONFIG = { responsive: true, displayModeBar: false, doubleClick: "reset" };
const LAYOUT = {
  margin: { l: 56, r: 12, t: 8, b: 36 },
  hovermode: "x unified",
  xaxis: {
    type: "date",
    hoverformat: "%Y-%m-%d %H:%M:%S UTC",
    showgrid: true,
    gridcolor: "#e6e6e6",
    automargin: true,
    tickangle: 0,
    nticks: innerWidth < 600 ? 4 : 0, // 0: as many as fit
  },
  yaxis: { gridcolor: "#e6e6e6", zerolinecolor: "#cccccc", automargin: true },
  legend: { orientation: "h", x: 0, xanchor: "left", y: 1.02, yanchor: "bottom" },
  paper_bgcolor: "rgba(0,0,0,0)",
  plot_bgcolor: "rgba(0,0,0,0)",
  font: { family: "system-ui, sans-serif", size: 12, color: "#222222" },
};
const drawn = new Map();

async function draw() {
  for (const data of document.querySelectorAll("script[data-plot]")) {
    const place = document.getElementById(data.dataset.plot);
    if (drawn.get(place.id) === data.textContent) continue;
    drawn.set(place.id, data.textContent);
    // a layout with the same uirevision keeps the reader's zoom and what was hidden in the legend
    await Plotly.react(place, JSON.parse(data.textContent), { ...LAYOUT, uirevision: data.dataset.name }, CONFIG);
  }
}

function replace(fresh) {
  for (const section of fresh.querySelectorAll("[data-live]")) {
    const shown = document.getElementById(section.id);
    if (!shown) return location.reload(); // other charts than before
    if (shown.innerHTML === section.innerHTML || holdsSelection(shown)) continue;
    const opened = [...shown.querySelectorAll("details[open]")].map((details) => details.id);
    const focused = shown.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    shown.replaceChildren(...section.childNodes);
    for (const details of shown.querySelectorAll("details")) details.open = opened.includes(details.id);
    if (focused) shown.querySelector(`[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  }
}

function holdsSelection(element) {
  const selection = getSelection();
  return selection.type === "Range" && selection.containsNode(element, true);
}

async function refresh() {
  if (!document.hidden) {
    try {
      const response = await fetch(location.href, { cache: "no-store" });
      if (!response.ok) throw new Error(response.statusText);
      replace(new DOMParser().parseFromString(await response.text(), "text/html"));
      await draw();
      document.getElementById("lost").hidden = true;
      document.body.dataset.refreshed = Number(document.body.dataset.refreshed ?? 0) + 1;
    } catch (error) {
      document.getElementById("lost").hidden = false;
    }
  }
  setTimeout(refresh, 1000 * Number(document.body.dataset.refreshSeconds));
}

draw();
setTimeout(refresh, 1000 * Number(document.body.dataset.refreshSeconds));
