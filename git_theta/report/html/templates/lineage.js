// The page: choosing, searching, keys.
function choose(node, isShown = false) {
  if (chosen) {
    chosen.element.classList.remove("chosen");
    chosen.element.removeAttribute("aria-current");
    chosen.element.tabIndex = -1;
  }
  chosen = node;
  picture.classList.toggle("chosen-one", node !== null);
  if (!node) {
    nodes[0].element.tabIndex = 0;
    emptyPanel();
    return;
  }
  node.element.classList.add("chosen");
  node.element.setAttribute("aria-current", "true");
  node.element.tabIndex = 0;
  const lit = relatives(node);
  const pairs = new Set();
  for (const each of lit) {
    for (const edge of each.parents) if (lit.has(nodes[edge.parent])) pairs.add(`${nodes[edge.parent].box} ${each.box}`);
  }
  for (const each of nodes) each.element.classList.toggle("related", lit.has(each));
  for (const family of families) {
    for (const edge of family.edges) edge.element.classList.toggle("related", pairs.has(`${edge.from} ${edge.to}`));
  }
  fillPanel(node);
  if (isShown) show(node);
  history.replaceState(null, "", `#m${node.number}`);
}

// The model that's next in a direction: along an edge, or the nearest one above or below.
const next = (node, key) => {
  if (key === "ArrowLeft") return node.parents.length ? nodes[node.parents[0].parent] : null;
  if (key === "ArrowRight") return node.children.length ? nodes[node.children[0].child] : null;
  const sign = key === "ArrowDown" ? 1 : -1;
  const place = (each) => [each.family.x + each.x, each.family.y + each.family.shift + each.nowY];
  const [x, y] = place(node);
  let best = null;
  for (const other of nodes) {
    const [otherX, otherY] = place(other);
    const away = (otherY - y) * sign;
    if (away <= 1) continue;
    const cost = away + 3 * Math.abs(otherX - x);
    if (!best || cost < best[0]) best = [cost, other];
  }
  return best && best[1];
};

const startSearch = () => {
  const [input, output] = [document.getElementById("search"), document.getElementById("matches")];
  const texts = nodes.map((node) => [node.fact.name, ...node.parents.map((edge) => edge.relation), ...(node.fact.facts || []).map(([, text]) => text)].join(" ").toLowerCase());
  let found = [];
  const apply = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    found = words.length ? nodes.filter((node) => words.every((word) => texts[node.number].includes(word))) : [];
    const matches = new Set(found);
    picture.classList.toggle("searched", words.length > 0);
    for (const node of nodes) node.element.classList.toggle("found", matches.has(node));
    output.textContent = words.length ? `${count(found.length)} of ${count(nodes.length)}` : "";
  };
  input.addEventListener("input", apply);
  input.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      input.value = "";
      apply();
    }
    if (event.key !== "Enter" || !found.length) return;
    const place = found.indexOf(chosen) + (event.shiftKey ? -1 : 1);
    choose(found[(place + found.length) % found.length], true);
  });
  return input;
};

const startKeys = (search) => {
  picture.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const element = event.target.closest(".model");
    const node = element ? nodes[Number(element.id.slice(1))] : null;
    if (node && event.key.startsWith("Arrow")) {
      const other = next(node, event.key);
      if (other) {
        choose(other, true);
        other.element.focus({ preventScroll: true });
      }
    } else if (node && (event.key === "Enter" || event.key === " ")) {
      choose(node);
      show(node, true);
    } else if (node && event.key === "v") foldVersions([node], !unfolded.has(node));
    else return;
    event.preventDefault();
  });
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea")) return;
    if (event.key === "/") search.focus();
    else if (event.key === "+" || event.key === "=") zoom(1.3);
    else if (event.key === "-") zoom(1 / 1.3);
    else if (event.key === "0") fit();
    else if (event.key === "Escape") {
      const { element } = chosen || nodes[0];
      choose(null);
      history.replaceState(null, "", location.pathname + location.search);
      if (document.activeElement === element) element.blur();
    } else return;
    event.preventDefault();
  });
};

const start = () => {
  document.documentElement.classList.add("live");
  document.querySelector(".tools").hidden = false;
  panel.hidden = false;
  // A unit of the picture is a pixel, before the camera scales it.
  const { x, y, width, height } = picture.viewBox.baseVal;
  Object.assign(picture.style, { left: `${x}px`, top: `${y}px`, width: `${width}px`, height: `${height}px` });
  picture.style.transformOrigin = `${-x}px ${-y}px`;
  picture.setAttribute("role", "group");
  for (const node of nodes) {
    node.element.setAttribute("role", "button");
    node.element.tabIndex = -1;
  }
  const wasDragged = watchPointer();
  stage.addEventListener("click", (event) => {
    if (wasDragged()) return;
    const element = event.target.closest(".model");
    const node = element ? nodes[Number(element.id.slice(1))] : null;
    if (node && event.target.closest(".fold, .version-list")) foldVersions([node], !unfolded.has(node));
    else choose(node);
  });
  stage.addEventListener("dblclick", (event) => {
    const box = stage.getBoundingClientRect();
    zoom(event.shiftKey ? 0.5 : 2, event.clientX - box.left, event.clientY - box.top);
  });
  document.getElementById("nearer").addEventListener("click", () => zoom(1.3));
  document.getElementById("farther").addEventListener("click", () => zoom(1 / 1.3));
  document.getElementById("fit").addEventListener("click", () => fit());
  const unfold = document.getElementById("unfold");
  unfold.disabled = !nodes.some((node) => node.fact.versions);
  unfold.addEventListener("click", () => {
    const isOpen = unfold.getAttribute("aria-pressed") !== "true";
    unfold.setAttribute("aria-pressed", String(isOpen));
    foldVersions(nodes, isOpen);
  });
  const colour = document.getElementById("colour");
  const recolour = () => {
    picture.dataset.colour = colour.value;
    for (const legend of document.querySelectorAll("[data-for]")) legend.hidden = legend.dataset.for !== colour.value;
  };
  colour.addEventListener("change", recolour);
  recolour();
  startKeys(startSearch());
  choose(null);
  const follow = (isShown) => {
    const found = /^#m(\d+)$/.exec(location.hash);
    if (found && nodes[Number(found[1])]) choose(nodes[Number(found[1])], isShown);
  };
  addEventListener("hashchange", () => {
    follow(true);
    stage.scrollIntoView({ block: "nearest" });
  });
  addEventListener("resize", look);
  fit(false);
  follow(true);
};
if (picture) start();
