// The graph: facts, elements of the picture, and relatives of models.
const facts = JSON.parse(document.getElementById("lineage").textContent);
const picture = document.getElementById("picture");
const stage = document.querySelector(".stage");
const world = document.getElementById("world");
const modelWidth = picture ? Number(picture.dataset.modelWidth) : 0;
const modelHeight = 44;
let chosen = null;

const nodes = facts.models.map((fact, number) => {
  const element = document.getElementById(`m${number}`);
  const [x, y] = element.getAttribute("transform").match(/-?[\d.]+/g).map(Number);
  return { number, fact, element, x, y, box: Number(element.dataset.box), nowY: y, family: null, parents: [], children: [] };
});
for (const edge of facts.edges) {
  nodes[edge.child].parents.push(edge);
  nodes[edge.parent].children.push(edge);
}

const families = world ? [...world.children].map((element) => {
  const [x, y, width, height] = element.dataset.place.split(",").map(Number);
  const family = { element, x, y, width, height, shift: 0, grown: 0, nodes: [], title: element.querySelector(".title") };
  for (const model of element.querySelectorAll(".model")) {
    const node = nodes[Number(model.id.slice(1))];
    node.family = family;
    family.nodes.push(node);
  }
  const number = (part, name) => Number(part.getAttribute(name));
  family.groups = [...element.querySelectorAll(".group")].map((part) => ({
    element: part, box: Number(part.dataset.box), y: number(part, "y"), height: number(part, "height"),
  }));
  family.edges = [...element.querySelectorAll(".edge")].map((part) => ({
    element: part, from: Number(part.dataset.from), to: Number(part.dataset.to),
    points: part.dataset.points.split(" ").map((point) => point.split(",").map(Number)),
  }));
  return family;
}) : [];

// All that are reached from a model, itself included.
const reached = (start, following) => {
  const found = new Set([start]);
  for (const node of found) for (const other of following(node)) found.add(other);
  return found;
};
const relatives = (node) => new Set([
  ...reached(node, (each) => each.parents.map((edge) => nodes[edge.parent])),
  ...reached(node, (each) => each.children.map((edge) => nodes[edge.child])),
]);
