// Versions: lists of them below their models. All that's lower in the family moves down, and families below it.
const versionRow = 17;
const maxVersions = 12;
const unfolded = new Set();

const svg = (name, attributes, text) => {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
};

const versionRows = (node) => {
  const known = node.fact.versions || [];
  const more = known.length - maxVersions + (node.fact.more_versions || 0);
  const rows = known.slice(0, maxVersions).map((place) => facts.commits[place]);
  return more > 0 ? [...rows, ["", "", `${more.toLocaleString("en")} earlier`]] : rows;
};
const versionHeight = (node) => versionRows(node).length * versionRow + 10;

const versionList = (node) => {
  const rows = versionRows(node);
  const list = svg("g", { class: "version-list", transform: `translate(0 ${modelHeight})` });
  list.append(svg("rect", { x: 8, y: 0, width: modelWidth - 16, height: versionHeight(node) - 4, rx: 4 }));
  list.append(svg("path", { d: `M20 0V${rows.length * versionRow - 7}` }));
  const room = Math.floor((modelWidth - 112) / 6.1);
  rows.forEach(([, date, subject], index) => {
    const y = index * versionRow + 10;
    list.append(svg("circle", { cx: 20, cy: y, r: 3.5 }));
    list.append(svg("text", { class: "date", x: 30, y: y + 3.5 }, date));
    const short = subject.length > room ? `${subject.slice(0, room - 1)}…` : subject;
    list.append(svg("text", { x: date ? 96 : 30, y: y + 3.5 }, short));
  });
  return list;
};

// As `path_data` in picture.py draws them.
const curve = (x, y, direction, endX, endY, arrival) => {
  const isForward = direction === arrival && (endX - x) * direction > 0;
  const bow = isForward ? Math.abs(endX - x) / 2 : 44;
  return `C${x + direction * bow} ${y} ${endX - arrival * bow} ${endY} ${endX} ${endY}`;
};

// How far down places of a family move: steps of a height and the shift from there on. Lists side by side take
// the height of the longest one.
const shiftsOf = (family) => {
  const steps = [[-Infinity, 0]];
  const at = (y) => steps.findLast(([height]) => height <= y + 0.01)[1];
  const open = family.nodes.filter((node) => unfolded.has(node)).sort((a, b) => a.y - b.y);
  for (const node of open) {
    const shift = at(node.y) + versionHeight(node);
    if (shift > steps[steps.length - 1][1]) steps.push([node.y + modelHeight, shift]);
  }
  return at;
};

const placeFamily = (family) => {
  const shiftAt = shiftsOf(family);
  const moved = (y) => y + shiftAt(y);
  for (const node of family.nodes) {
    node.nowY = moved(node.y);
    node.element.setAttribute("transform", `translate(${node.x} ${node.nowY})`);
  }
  const middles = new Map(family.nodes.map((node) => [node.number, node.nowY + modelHeight / 2]));
  for (const group of family.groups) {
    const [top, bottom] = [moved(group.y), moved(group.y + group.height)];
    group.element.setAttribute("y", top);
    group.element.setAttribute("height", bottom - top);
    middles.set(group.box, (top + bottom) / 2);
  }
  for (const { element, from, to, points } of family.edges) {
    let [x, y, direction] = [points[0][0], middles.get(from), 1];
    let path = `M${x} ${y}`;
    for (const [begin, finish, height] of points.slice(1, -1)) {
      const arrival = finish >= begin ? 1 : -1;
      path += `${curve(x, y, direction, begin, moved(height), arrival)}H${finish}`;
      [x, y, direction] = [finish, moved(height), arrival];
    }
    element.setAttribute("d", path + curve(x, y, direction, points[points.length - 1][0], middles.get(to), 1));
  }
  family.grown = shiftAt(Infinity);
};

const placeFamilies = (changed) => {
  changed.forEach(placeFamily);
  for (const family of [...families].sort((a, b) => a.y - b.y)) {
    const above = families.filter((other) => other.y + other.height <= family.y);
    family.shift = Math.max(0, ...above.map((other) => other.shift + other.grown));
    family.element.setAttribute("transform", `translate(${family.x} ${family.y + family.shift})`);
  }
};

const foldVersions = (changed, isOpen) => {
  for (const node of changed) {
    if (!(node.fact.versions || []).length || unfolded.has(node) === isOpen) continue;
    if (isOpen) {
      unfolded.add(node);
      node.element.append(versionList(node));
    } else {
      unfolded.delete(node);
      node.element.querySelector(".version-list").remove();
    }
  }
  placeFamilies(new Set(changed.map((node) => node.family)));
};
