// The time line of a host, to zoom into: uPlot draws the axis and keeps the cursor, the lanes are
// drawn into its canvas. The picture that came with the page stays for who has no scripts.
"use strict";

(() => {
  const LANE = 46;
  const TOP = 4;

  function lanesOf(root) {
    return [...root.querySelectorAll(".lane")].map((lane) => ({
      name: lane.querySelector(".lane-name").textContent,
      bands: [...lane.querySelectorAll(".band")].map((band) => ({
        phase: band.dataset.phase,
        begin: Number(band.dataset.begin),
        end: Number(band.dataset.end),
      })),
      marks: [...lane.querySelectorAll(".ack")].map((mark) => parseFloat(mark.getAttribute("cx")) / 100),
    }));
  }

  function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  const HEIGHTS = { fine: 8, deviating: 22 };
  const WORDS = { fine: "as expected", deviating: "not as expected", unknown: "unknown", new: "not looked at" };

  function drawBand(ctx, phase, left, top, width, height, ratio) {
    ctx.save();
    ctx.beginPath();
    ctx.rect(left, top, width, height);
    ctx.clip();
    if (phase === "fine") {
      ctx.fillStyle = colour("--band-good");
      ctx.fillRect(left, top, width, height);
    } else if (phase === "deviating") {
      ctx.fillStyle = colour("--critical");
      ctx.fillRect(left, top, width, height);
      ctx.strokeStyle = colour("--card");
      ctx.globalAlpha = 0.38;
      ctx.lineWidth = 2 * ratio;
      for (let x = left - height; x < left + width + height; x += 10 * ratio) {
        ctx.beginPath();
        ctx.moveTo(x, top + height);
        ctx.lineTo(x + height, top);
        ctx.stroke();
      }
    } else {
      ctx.strokeStyle = colour("--control");
      ctx.lineWidth = 2 * ratio;
      ctx.setLineDash([3 * ratio, 2 * ratio]);
      ctx.strokeRect(left, top, width, height);
    }
    ctx.restore();
  }

  function draw(plot, lanes, begin, end) {
    const ratio = devicePixelRatio;
    const { ctx } = plot;
    const { left, width } = plot.bbox;
    ctx.save();
    ctx.font = `600 ${13 * ratio}px system-ui, sans-serif`;
    ctx.textBaseline = "top";
    lanes.forEach((lane, place) => {
      const top = plot.bbox.top + (TOP + place * LANE) * ratio;
      ctx.fillStyle = colour("--text");
      ctx.textAlign = "left";
      ctx.fillText(lane.name, left, top, width);
      const middle = top + 31 * ratio;
      ctx.fillStyle = colour("--track");
      ctx.fillRect(left, middle - 2 * ratio, width, 4 * ratio);
      for (const band of lane.bands) {
        const from = Math.max(plot.valToPos(band.begin, "x", true), left);
        const to = Math.min(plot.valToPos(band.end, "x", true), left + width);
        const height = (HEIGHTS[band.phase] || 14) * ratio;
        if (to < left || from > left + width) continue;
        drawBand(ctx, band.phase, from, middle - height / 2, Math.max(to - from, 2 * ratio), height, ratio);
      }
      for (const mark of lane.marks) {
        const x = plot.valToPos(begin + mark * (end - begin), "x", true);
        if (x < left || x > left + width) continue;
        ctx.beginPath();
        ctx.arc(x, middle, 4.5 * ratio, 0, 7);
        ctx.fillStyle = colour("--card");
        ctx.strokeStyle = colour("--low");
        ctx.lineWidth = 2.5 * ratio;
        ctx.fill();
        ctx.stroke();
      }
    });
    ctx.restore();
  }

  function sayAt(plot, lanes, said) {
    const { left, top } = plot.cursor;
    const lane = lanes[Math.floor((top - TOP) / LANE)];
    if (left < 0 || !lane) {
      said.textContent = matchMedia("(pointer: fine)").matches
        ? "Drag over the picture to see a part of it larger; double-click for all." : "";
      return;
    }
    const at = plot.posToVal(left, "x");
    const band = lane.bands.find((one) => one.begin <= at && at <= one.end);
    const when = new Date(at * 1000).toISOString().slice(0, 16).replace("T", " ");
    said.textContent = `${when} UTC, ${lane.name}: ${band ? WORDS[band.phase] || band.phase : "nothing known"}`;
  }

  const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

  function label(at, step) {
    const time = new Date(at * 1000);
    if (at % 86400 === 0 || step >= 86400) return `${time.getUTCDate()} ${MONTHS[time.getUTCMonth()]}`;
    return time.toISOString().slice(11, step < 60 ? 19 : 16);
  }

  function optionsFor(lanes, begin, end, width, said) {
    return {
      width,
      height: TOP + lanes.length * LANE + 32,
      tzDate: (at) => uPlot.tzDate(new Date(at * 1e3), "Etc/UTC"),
      legend: { show: false },
      cursor: { y: false, drag: { x: true, y: false }, points: { show: false } },
      scales: { x: { time: true, range: (_plot, low, high) => [low ?? begin, high ?? end] }, y: { range: [0, 1] } },
      padding: [0, 24, 0, 8],
      axes: [
        { stroke: () => colour("--soft"), grid: { show: false }, ticks: { stroke: () => colour("--control"), size: 5 }, font: "12px system-ui, sans-serif", size: 30, space: 70, values: (_plot, splits, _axis, _space, step) => splits.map((at) => label(at, step)) },
        { show: false },
      ],
      series: [{}, { show: true, stroke: "transparent", width: 0, points: { show: false } }],
      hooks: {
        draw: [(plot) => draw(plot, lanes, begin, end)],
        setCursor: [(plot) => sayAt(plot, lanes, said)],
      },
    };
  }

  function show() {
    const root = document.querySelector("#timeline .lanes");
    if (!root || typeof uPlot === "undefined") return;
    const lanes = lanesOf(root);
    if (!lanes.length) return;
    const begin = Number(root.dataset.begin);
    const end = Number(root.dataset.end);
    const place = document.createElement("div");
    place.className = "plot";
    place.setAttribute("aria-hidden", "true");
    const said = document.createElement("p");
    said.className = "plot-said";
    said.setAttribute("aria-hidden", "true");
    root.before(place);
    place.after(said);
    root.classList.add("words");
    const plot = new uPlot(optionsFor(lanes, begin, end, place.clientWidth, said), [[begin, end], [0, 0]], place);
    sayAt(plot, lanes, said);
    new ResizeObserver(() => {
      if (place.clientWidth) plot.setSize({ width: place.clientWidth, height: plot.height });
    }).observe(place);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => plot.redraw());
    return () => {
      plot.destroy();
      place.remove();
      said.remove();
      root.classList.remove("words");
    };
  }

  let remove = show();
  document.addEventListener("refreshed", (event) => {
    const fresh = event.detail.getElementById("timeline");
    const old = document.getElementById("timeline");
    if (!fresh || !old) return;
    const keys = (figure) => [...figure.querySelectorAll(".band")].map((one) => one.dataset.phase + one.dataset.begin).join();
    if (keys(fresh) === keys(old)) return;
    if (remove) remove();
    old.replaceWith(fresh);
    remove = show();
  });
})();
