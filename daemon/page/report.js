"use strict";
(function () {
  const root = JSON.parse(document.getElementById("report").textContent);
  const reports = root.variants || [root];
  const first = reports[0];
  const several = reports.length > 1;
  const baselines = Object.entries(first.baselines).filter(([, b]) => b.recall).map(([name]) => name);
  const charts = [];

  // ---- text ----
  const number = (n) => Number(n).toLocaleString("en-US");
  const figure = (x, digits = 4) => (x === null || x === undefined ? "–" : x.toFixed(digits));
  const short = (n) => (n >= 1e6 ? +(n / 1e6).toPrecision(3) + "M" : n >= 1e3 ? +(n / 1e3).toPrecision(3) + "k" : String(+n.toPrecision(3)));
  const element = (tag, parent, text, className) => {
    const made = document.createElement(tag);
    if (text !== undefined) made.textContent = text;
    if (className) made.className = className;
    parent.appendChild(made);
    return made;
  };
  const nameOf = (report) => report.variant || "tasted";
  const colour = (n) => getComputedStyle(document.documentElement).getPropertyValue("--" + n).trim();

  // ---- panels ----
  function panel(title, note, make) {
    const box = element("section", document.getElementById("charts"), undefined, "panel");
    element("h2", box, title);
    if (note) element("p", box, note, "note");
    const canvas = element("canvas", element("div", box, undefined, "canvas"));
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", title + ". " + (note || ""));
    charts.push({ canvas, make, chart: null });
  }

  const axis = (title, more) => Object.assign({
    title: { display: !!title, text: title, color: colour("muted") },
    ticks: { color: colour("muted"), maxRotation: 0, autoSkipPadding: 16 },
    grid: { color: colour("grid"), drawBorder: false },
  }, more);

  function options(x, y, more) {
    return Object.assign({
      responsive: true, maintainAspectRatio: false, animation: false,
      interaction: { mode: "index", intersect: false },
      scales: { x, y },
      plugins: {
        legend: { position: "bottom", labels: { color: colour("text"), boxWidth: 18, boxHeight: 2, padding: 10 } },
        tooltip: { callbacks: { label: (item) => item.dataset.label + ": " + (item.parsed.y === null ? "–" : +item.parsed.y.toPrecision(4)) } },
      },
    }, more);
  }

  // One value for each 1/50th of the stream, at the event where it ends.
  function line(label, values, which, more) {
    return Object.assign({
      label, borderColor: colour(which), backgroundColor: colour(which), borderWidth: 1.5, pointRadius: 0, pointHitRadius: 8, tension: .25, spanGaps: true,
      data: first.series.map((part, n) => ({ x: part.until, y: values[n] === undefined ? null : values[n] })),
    }, more);
  }
  const overTime = (datasets, yTitle, yMore) => ({
    type: "line",
    data: { datasets },
    options: options(axis("events", { type: "linear", min: 0, max: first.series[first.series.length - 1].until, ticks: { color: colour("muted"), maxRotation: 0, autoSkipPadding: 16, callback: short } }),
      axis(yTitle, Object.assign({ beginAtZero: true }, yMore))),
  });
  const strong = { borderWidth: 3 };

  // The model beside its baselines; or the variants beside each other, and the best baseline.
  function qualityLines(of) {
    const lines = reports.map((report, n) => line(nameOf(report), report.series.map(of), "c" + (n % 8), several ? {} : strong));
    const shown = several ? baselines.slice(-1) : baselines;
    shown.forEach((name, n) => lines.push(line(name, first.series.map((part) => of(part.baselines[name])), several ? "c6" : "c" + (n + 1), { borderDash: [5, 3] })));
    return lines;
  }

  function barOptions() {
    const made = options(axis("", { grid: { display: false } }), axis("", { beginAtZero: true }));
    made.plugins.legend.labels.boxHeight = 10;
    made.plugins.legend.labels.boxWidth = 10;
    return made;
  }

  function bars(groups, order) {
    const labels = order.filter((key) => groups[0].by[key] && groups[0].by[key].evaluated > 0);
    return {
      type: "bar",
      data: {
        labels: labels.map((key) => [key, short(groups[0].by[key].evaluated)]),
        datasets: groups.map((group, n) => ({
          label: group.label, backgroundColor: colour("c" + (n % 8)), maxBarThickness: 46,
          categoryPercentage: labels.length > 2 ? .8 : .3,
          data: labels.map((key) => (group.by[key] ? group.of(group.by[key]) : null)),
        })),
      },
      options: barOptions(),
    };
  }
  const both = (which) => several
    ? reports.map((report) => ({ label: nameOf(report), by: report[which], of: (x) => x.recall["10"] }))
    : [{ label: "Recall@10", by: first[which], of: (x) => x.recall["10"] }, { label: "NDCG@10", by: first[which], of: (x) => x.ndcg["10"] }];

  // ---- which charts ----
  const evaluated = first.evaluated > 0;
  if (evaluated) {
    panel("Recall@10 over time", "How often the item was among the first ten; each point is a 1/50th of the stream.", () => overTime(qualityLines((x) => x.recall["10"]), ""));
    panel("NDCG@10 over time", "The same, counting how far up in the ten.", () => overTime(qualityLines((x) => x.ndcg["10"]), ""));
    const warm = ["0", "1-4", "5-19", "20+"];
    const what = several ? "Recall@10" : "Recall@10 and NDCG@10";
    panel("By what is known of the user", what + " by the user's past wanted events; below, how many were scored.", () => bars(both("by_user_events"), warm));
    panel("By what is known of the item", what + " by the item's past wanted events; an item without any cannot be ranked.", () => bars(both("by_item_events"), warm));
    panel("By signal", what + " by the event that told what the user wanted.", () => bars(both("by_signal"), Object.keys(first.by_signal)));
    if (first.series.some((part) => part.lists)) {
      const listed = (key) => reports.map((report, n) => line(several ? nameOf(report) : "first ten of the lists", report.series.map((part) => part.lists && part.lists.listed[key]), "c" + (n % 8), several ? {} : strong));
      const happened = (key) => line("what people chose", first.series.map((part) => part.lists && part.lists.happened[key]), several ? "c6" : "c1", { borderDash: [5, 3] });
      panel("Coverage of the catalogue", "The share of all candidates in " + number(first.lists.taken) + " sampled lists so far, beside as many choices of people.", () => overTime([...listed("coverage"), happened("coverage")], ""));
      panel("Concentration (Gini)", "0: all items alike; 1: all on one. The same lists and choices.", () => overTime([...listed("gini"), happened("gini")], "", { suggestedMax: 1 }));
    }
    if (first.rmse !== null) {
      panel("Error of predicted ratings (RMSE)", "Each rating is predicted before it is learned.", () => overTime([
        ...reports.map((report, n) => line(nameOf(report), report.series.map((part) => part.rmse), "c" + (n % 8), strong)),
        ...["mean", "biased_mf"].filter((name) => first.baselines[name]).map((name, n) => line(name, first.series.map((part) => part.baselines[name].rmse), "c" + (n + 1), { borderDash: [5, 3] })),
      ], "", { beginAtZero: false }));
    }
    if (first.skip_auc !== null && first.series.some((part) => part.skip_auc)) {
      panel("Plays against skips (AUC)", "Whether what is kept was held likelier than what is skipped; .5 is chance.", () => overTime(
        reports.map((report, n) => line(nameOf(report), report.series.map((part) => part.skip_auc), "c" + (n % 8), strong)), "", { beginAtZero: false }));
    }
  }
  if (first.series.length > 0) {
    const size = first.series.map((part, n) => part.until - (n > 0 ? first.series[n - 1].until : 0));
    const rate = (report, key) => report.series.map((part, n) => (part[key] > 0 ? size[n] / part[key] : null));
    panel("Throughput", "Events learned per second of CPU" + (several ? "." : ", and events with the scoring by the clock."), () => overTime(several
      ? reports.map((report, n) => line(nameOf(report), rate(report, "learn_cpu_seconds"), "c" + (n % 8)))
      : [line("learning, CPU", rate(first, "learn_cpu_seconds"), "c0", strong), line("with scoring, clock", rate(first, "seconds"), "c1")], "", { ticks: { color: colour("muted"), callback: short } }));
  }

  // ---- tiles and table ----
  document.getElementById("summary").textContent = number(first.learned) + " events learned, " + number(first.users) + " users, " + number(first.items) + " items" +
    (evaluated ? "; " + number(first.evaluated) + " scored before they were learned" : "; not evaluated");
  const tile = (value, label) => {
    const box = element("div", document.getElementById("tiles"), undefined, "tile");
    element("b", box, value);
    element("span", box, label);
  };
  if (evaluated && !several) {
    tile(figure(first.recall["10"], 3), "Recall@10");
    tile(figure(first.ndcg["10"], 3), "NDCG@10");
    tile(figure(first.mrr, 3), "MRR");
    const best = baselines.map((name) => [first.baselines[name].recall["10"], name]).sort((a, b) => b[0] - a[0])[0];
    if (best && best[0] > 0) tile("×" + (first.recall["10"] / best[0]).toFixed(2), "Recall@10 against " + best[1]);
    if (first.lists) tile((100 * first.lists.listed.coverage).toFixed(0) + " %", "of the catalogue in sampled lists");
  }
  if (first.rmse !== null) tile(figure(first.rmse, 3), "RMSE of ratings");
  if (first.skip_auc !== null) tile(figure(first.skip_auc, 3), "AUC, plays against skips");
  const cost = (report) => (report.learned > 0 ? 1e6 * report.learn_cpu_seconds / report.learned : null);
  if (!several) tile(figure(cost(first), 1) + " µs", "CPU to learn an event");

  const table = document.getElementById("figures");
  const head = element("tr", element("thead", table));
  const cuts = ["1", "5", "10", "20", "50"];
  for (const title of ["", ...cuts.map((k) => "Recall@" + k), "NDCG@10", "DCG@100", "MRR", "RMSE", "learn µs"]) element("th", head, title);
  const body = element("tbody", table);
  function row(name, x, className, us) {
    const line = element("tr", body, undefined, className);
    element("td", line, name);
    for (const value of x.recall ? [...cuts.map((k) => x.recall[k]), x.ndcg["10"], x.dcg["100"], x.mrr] : Array(8).fill(null)) element("td", line, figure(value));
    element("td", line, figure(x.rmse));
    element("td", line, us === undefined ? "" : figure(us, 2));
  }
  for (const report of reports) row(nameOf(report), report, "model", cost(report));
  for (const [name, x] of Object.entries(first.baselines)) if (x.recall || x.rmse !== null) row(name, x);
  document.getElementById("footer").textContent = "State digest " + reports.map((report) => report.state_digest).join(", ") + ". Charts by Chart.js " + Chart.version + " (MIT).";

  // ---- drawing; again when the colours change ----
  Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
  function draw() {
    for (const entry of charts) {
      if (entry.chart) entry.chart.destroy();
      entry.chart = new Chart(entry.canvas, entry.make());
    }
  }
  draw();
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
})();
