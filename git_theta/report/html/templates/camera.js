// The camera: which part of the picture is seen, and how large. It moves the picture as a whole: SVG's own
// transforms would lay out all texts anew at each step of a zoom.
const camera = { x: 0, y: 0, scale: 1 };
const [minScale, maxScale] = [0.02, 4];
const calm = matchMedia("(prefers-reduced-motion: reduce)");

const size = () => ({ width: stage.clientWidth || 1, height: stage.clientHeight || 1 });

// Titles keep their size on the screen, in steps, if they're shorter than their family is wide.
let titleFont = 15;
const placeTitles = () => {
  const wanted = Math.max(15, 12.5 / camera.scale);
  const isNear = wanted === 15 ? titleFont === 15 : wanted <= titleFont && wanted > titleFont / 1.2;
  if (isNear && drawn) return;
  titleFont = wanted === 15 ? 15 : wanted * 1.1;
  const font = titleFont;
  for (const { title, width, height } of families) {
    if (!title) continue;
    const fits = font === 15 || ((camera.scale < 0.42 ? title.firstChild.data : title.textContent).length * font * 0.62 < width + 16 && font * 1.6 < height);
    title.style.display = fits ? "" : "none";
    title.style.fontSize = `${font}px`;
    title.setAttribute("y", font === 15 ? 20 : font);
  }
};

let drawn = 0;
const look = () => {
  picture.style.transform = `translate(${camera.x}px, ${camera.y}px) scale(${camera.scale})`;
  if (drawn !== camera.scale) {
    picture.classList.toggle("far", camera.scale < 0.6);
    picture.classList.toggle("farthest", camera.scale < 0.42);
    placeTitles();
    drawn = camera.scale;
  }
};

let flight = 0;
const flyTo = (x, y, scale) => {
  cancelAnimationFrame(flight);
  const from = { ...camera };
  const start = performance.now();
  const step = (now) => {
    const part = calm.matches ? 1 : Math.min(1, (now - start) / 250);
    const eased = part * (2 - part);
    camera.x = from.x + (x - from.x) * eased;
    camera.y = from.y + (y - from.y) * eased;
    camera.scale = from.scale + (scale - from.scale) * eased;
    look();
    if (part < 1) flight = requestAnimationFrame(step);
  };
  step(calm.matches ? start : start + 1);
};

// The ends of the whole picture, or of some families.
const frame = (members = families) => ({
  left: Math.min(...members.map((each) => each.x)),
  top: Math.min(...members.map((each) => each.y + each.shift)),
  right: Math.max(...members.map((each) => each.x + each.width)),
  bottom: Math.max(...members.map((each) => each.y + each.shift + each.height + each.grown)),
});
const fit = (animated = true) => {
  const { left, top, right, bottom } = frame();
  const { width, height } = size();
  const scale = Math.max(minScale, Math.min(1.2, (width - 32) / (right - left), (height - 32) / (bottom - top)));
  const x = width / 2 - (scale * (left + right)) / 2;
  const y = height / 2 - (scale * (top + bottom)) / 2;
  if (animated) flyTo(x, y, scale);
  else {
    Object.assign(camera, { x, y, scale });
    look();
  }
};
const zoom = (factor, x = size().width / 2, y = size().height / 2) => {
  cancelAnimationFrame(flight);
  const scale = Math.max(minScale, Math.min(maxScale, camera.scale * factor));
  camera.x = x - ((x - camera.x) * scale) / camera.scale;
  camera.y = y - ((y - camera.y) * scale) / camera.scale;
  camera.scale = scale;
  look();
};
// Bring a model to the middle, unless it's seen and can be read.
const show = (node, always = false) => {
  const scale = Math.max(camera.scale, 0.8);
  const [x, y] = [node.family.x + node.x + modelWidth / 2, node.family.y + node.family.shift + node.nowY + modelHeight / 2];
  const { width, height } = size();
  const [atX, atY] = [camera.x + x * camera.scale, camera.y + y * camera.scale];
  const isSeen = atX > 60 && atX < width - 60 && atY > 30 && atY < height - 30;
  if (always || !isSeen || scale !== camera.scale) flyTo(width / 2 - x * scale, height / 2 - y * scale, scale);
};

const watchPointer = () => {
  const fingers = new Map();
  let moved = 0;
  stage.addEventListener("wheel", (event) => {
    event.preventDefault();
    const box = stage.getBoundingClientRect();
    const lines = event.deltaMode === 1 ? 18 : 1;
    zoom(Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.0015)), event.clientX - box.left, event.clientY - box.top);
  }, { passive: false });
  stage.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    if (!fingers.size) moved = 0;
    fingers.set(event.pointerId, event);
  });
  addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (!before) return;
    const other = [...fingers.values()].find((each) => each.pointerId !== event.pointerId);
    const [dx, dy] = [event.clientX - before.clientX, event.clientY - before.clientY];
    moved += Math.abs(dx) + Math.abs(dy);
    if (other) {
      const box = stage.getBoundingClientRect();
      const distance = (each) => Math.hypot(each.clientX - other.clientX, each.clientY - other.clientY) || 1;
      zoom(distance(event) / distance(before), other.clientX - box.left, other.clientY - box.top);
    } else if (moved > 4) {
      cancelAnimationFrame(flight);
      stage.classList.add("dragged");
      camera.x += dx;
      camera.y += dy;
      look();
    }
    fingers.set(event.pointerId, event);
  });
  const end = (event) => {
    fingers.delete(event.pointerId);
    if (!fingers.size) stage.classList.remove("dragged");
  };
  addEventListener("pointerup", end);
  addEventListener("pointercancel", end);
  // A click ends a drag, too.
  return () => moved > 4;
};
