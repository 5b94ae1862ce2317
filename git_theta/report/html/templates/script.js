"use strict";
// Tables can be sorted by their heads, and filtered. `#sort=KEY` sorts all of them; `#sort=-KEY` the other way.
for (const table of document.querySelectorAll("table.rows")) {
  const heads = [...table.tHead.rows[0].cells];
  const body = table.tBodies[0];
  const collator = new Intl.Collator("en", { numeric: true });

  const read = (row, index) => {
    const cell = row.cells[index];
    if (cell.dataset.v !== undefined) return Number(cell.dataset.v);
    return cell.textContent;
  };
  const compare = (a, b) => (typeof a === "number" && typeof b === "number" ? a - b : collator.compare(a, b));

  const sort = (index, descending) => {
    const keyed = [...body.rows].map((row) => [read(row, index), row]);
    // What's missing comes last, whichever way it goes.
    keyed.sort(([a], [b]) => (a === "") - (b === "") || (descending ? compare(b, a) : compare(a, b)));
    body.append(...keyed.map(([, row]) => row));
    for (const head of heads) head.removeAttribute("aria-sort");
    heads[index].setAttribute("aria-sort", descending ? "descending" : "ascending");
  };
  const numeric = (head) => head.classList.contains("num");

  heads.forEach((head, index) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    button.addEventListener("click", () => {
      const now = head.getAttribute("aria-sort");
      sort(index, now ? now === "ascending" : numeric(head));
    });
    head.replaceChildren(button);
  });

  const follow = () => {
    const found = /^#sort=(-?)([a-z]+)$/.exec(location.hash);
    const index = found ? heads.findIndex((head) => head.dataset.key === found[2]) : -1;
    if (index >= 0) sort(index, numeric(heads[index]) !== (found[1] === "-"));
  };
  addEventListener("hashchange", follow);
  follow();

  const filter = table.closest("section").querySelector(".filter");
  const [input, output] = [filter.querySelector("input"), filter.querySelector("output")];
  const apply = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of body.rows) {
      const text = `${row.cells[0].textContent} ${row.cells[1].textContent}`.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      if (!row.hidden) shown += 1;
    }
    output.textContent = words.length ? `${shown.toLocaleString("en")} of ${body.rows.length.toLocaleString("en")}` : "";
  };
  input.addEventListener("input", apply);
  filter.hidden = false;
}
