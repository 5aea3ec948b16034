/** The filters of the page. Every row is in the page already; this only hides some. */
export const SCRIPT = `
"use strict";
{
  const form = document.getElementById("filters");
  const marks = new Map([...document.querySelectorAll("[data-key]")].map((mark) => [mark.dataset.key, mark]));
  const rows = [...document.querySelectorAll("tbody tr")].map((row) => ({
    row,
    text: row.textContent.toLowerCase(),
    mark: marks.get(row.id),
  }));
  const has = (row, name) => {
    const field = form.elements[name];
    return !field || field.value === "" || (" " + row.dataset[name] + " ").includes(" " + field.value + " ");
  };
  const apply = () => {
    const words = form.elements.text.value.toLowerCase().split(/\\s+/);
    let count = 0;
    for (const { row, text, mark } of rows) {
      const isShown = words.every((word) => text.includes(word)) && ["problem", "owner", "stack"].every((name) => has(row, name));
      row.hidden = !isShown;
      if (mark) mark.classList.toggle("faded", !isShown);
      if (isShown) count += 1;
    }
    document.getElementById("nothing").hidden = count > 0;
    form.querySelector("output").textContent = count + " of " + rows.length + " keys";
  };
  const showAll = () => {
    form.reset();
    apply();
  };
  form.hidden = false;
  form.addEventListener("input", apply);
  form.querySelector("button").addEventListener("click", showAll);
  form.addEventListener("submit", (event) => event.preventDefault());
  // A link of the timeline may lead to a key that the filters hide.
  addEventListener("hashchange", () => {
    const target = document.getElementById(location.hash.slice(1));
    if (target && target.hidden) {
      showAll();
      target.scrollIntoView();
    }
    if (target) target.focus({ preventScroll: true });
  });
  apply();
}
`;
