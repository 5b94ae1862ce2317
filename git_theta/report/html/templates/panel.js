// The panel: what's known of the chosen model. All texts are set as text, never as HTML.
const panel = document.getElementById("panel");
const maxListed = 40;

const html = (name, attributes = {}, ...children) => {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "onclick") element.addEventListener("click", value);
    else element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
};
const count = (number) => number.toLocaleString("en");
// A name whose lines may break after dots and slashes.
const breakable = (name) => name.split(/(?<=[./])/).flatMap((part, index) => (index ? [html("wbr"), part] : [part]));
const section = (title, ...children) => [html("h3", {}, title), ...children];
const definitions = (pairs) => html("dl", {}, ...pairs.flatMap(([key, value]) => [html("dt", {}, key), html("dd", {}, value)]));
const table = (heads, rows, numeric) => {
  const cells = (name, row) => row.map((text, index) => {
    if (numeric.includes(index)) return html(name, { class: "num" }, String(text));
    return index || name === "th" ? html(name, {}, String(text)) : html(name, { class: "name" }, ...breakable(String(text)));
  });
  return html("table", {}, html("thead", {}, html("tr", {}, ...cells("th", heads))), html("tbody", {}, ...rows.map((row) => html("tr", {}, ...cells("td", row)))));
};

const related = (edges, end, word) => {
  const items = edges.slice(0, maxListed).map((edge) => {
    const follow = () => {
      choose(nodes[edge[end]], true);
      panel.focus({ preventScroll: true });
    };
    const link = html("button", { type: "button", class: "link name", onclick: follow }, ...breakable(facts.models[edge[end]].name));
    const about = end === "parent" ? `: ${edge.facts.join("; ")}` : "";
    return html("li", {}, `${edge.relation} ${word} `, link, about);
  });
  if (edges.length > maxListed) items.push(html("li", {}, `${count(edges.length - maxListed)} more`));
  return html("ul", {}, ...items);
};

const parameters = (fact) => {
  const groups = facts.structures[fact.structure];
  const isDerived = fact.new !== undefined;
  const heads = ["Parameters", "Dtype", "Shape", "Size", ...(isDerived ? ["New"] : [])];
  const rows = groups.map(([name, number, dtype, shape, bytes], index) => [
    number > 1 ? `${name} (${count(number)})` : name, dtype, shape, bytes,
    ...(isDerived ? [fact.new[index] ? fact.new[index] === number ? "all" : `${count(fact.new[index])} of ${count(number)}` : "–"] : []),
  ]);
  const sizes = (fact.dtypes || []).map(([name, bytes]) => `${name} ${bytes}`).join(", ");
  const found = [html("p", { class: "note" }, isDerived ? `${sizes}. New: in no parent.` : sizes)];
  found.push(html("div", { class: "scroll" }, table(heads, rows, [3, 4])));
  if (fact.left_out) found.push(html("p", { class: "note" }, `${count(fact.left_out)} more parameters: git theta show tells them all.`));
  return found;
};

// A small chart of a metric through a model's versions.
const chart = (test, results) => {
  const [width, height, margin] = [244, 64, 5];
  const values = results.map(([, value]) => value).filter((value) => value !== null);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const place = ([, value], index) => [
    margin + ((width - 2 * margin) * index) / Math.max(1, results.length - 1),
    high > low ? height - margin - ((height - 2 * margin) * (value - low)) / (high - low) : height / 2,
  ];
  const drawing = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${test}, ${values.length} values from ${low} to ${high}` });
  let path = "";
  let isPen = false;
  results.forEach((result, index) => {
    if (result[1] === null) {
      isPen = false;
      return;
    }
    const [x, y] = place(result, index);
    path += `${isPen ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`;
    isPen = true;
    const dot = svg("circle", { class: "dot", cx: x.toFixed(1), cy: y.toFixed(1), r: 2.5 });
    dot.append(svg("title", {}, `${result[0]}: ${result[1]}`));
    drawing.append(dot);
  });
  drawing.prepend(svg("path", { class: "line", d: path }));
  const last = values.length ? `${values[values.length - 1]}` : "no value";
  return html("figure", {}, html("figcaption", {}, html("span", { class: "name" }, test), ` ${last}`), drawing,
    html("div", { class: "ticks", "aria-hidden": "true" }, html("span", {}, results[0][0]), html("span", {}, values.length ? `${low} – ${high}` : ""), html("span", {}, results[results.length - 1][0])));
};

const versionsOf = (node) => {
  const known = node.fact.versions;
  const rows = known.slice(0, maxListed).map((place) => facts.commits[place]);
  const found = [table(["Commit", "Date", "Subject"], rows, [])];
  const more = known.length - rows.length + (node.fact.more_versions || 0);
  if (more > 0) found.push(html("p", { class: "note" }, `${count(more)} earlier: git theta lineage log tells them all.`));
  const button = html("button", { type: "button", class: "link", onclick: () => foldVersions([node], !unfolded.has(node)) }, "Show or hide them in the graph");
  return section("Versions", ...found, button);
};

const fillPanel = (node) => {
  const fact = node.fact;
  const parts = [html("h2", { class: "name" }, ...breakable(fact.name))];
  for (const problem of fact.problems || []) parts.push(html("p", { class: "warning" }, problem));
  parts.push(definitions(fact.facts || []));
  if (node.parents.length) parts.push(...section("Made from", related(node.parents, "parent", "of")));
  for (const reason of fact.reasons || []) parts.push(html("p", {}, `“${reason}”`));
  if (fact.frozen) parts.push(html("p", {}, `Frozen: ${fact.frozen.join(", ")}`));
  if (node.children.length) parts.push(...section("Made into", related(node.children, "child", "")));
  const metrics = Object.entries(fact.metrics || {});
  if (metrics.length) parts.push(...section("Tests", ...metrics.map(([test, results]) => chart(test, results))));
  if (fact.run) parts.push(...section("Command", html("pre", { tabindex: "0" }, fact.run.command.join(" ")), definitions(fact.run.facts)));
  if (fact.structure !== undefined && facts.structures[fact.structure].length) parts.push(...section("Parameters", ...parameters(fact)));
  if (fact.storage) parts.push(...section("Stored as", table(["Update", "Parameters", "Values"], fact.storage, [1, 2])));
  if (fact.versions) parts.push(...versionsOf(node));
  if (fact.files) parts.push(...section("Files", html("ul", {}, ...fact.files.map((file) => html("li", { class: "name" }, file)))));
  panel.replaceChildren(...parts);
  panel.scrollTop = 0;
};

const emptyPanel = () => {
  const keys = [["↑ ↓ ← →", "along the graph: left to parents, right to children"], ["Enter", "bring the model to the middle"], ["v", "show its versions, or hide them"], ["/", "search"], ["+ − 0", "zoom; show everything"], ["Esc", "choose none"]];
  panel.replaceChildren(
    html("h2", {}, "No model is chosen"),
    html("p", {}, "Choose a model to see its parameters, its parents, and how it was made. Drag to move, turn the wheel to zoom."),
    html("dl", {}, ...keys.flatMap(([key, text]) => [html("dt", {}, html("kbd", {}, key)), html("dd", {}, text)])),
  );
};
