/** What a ticket's form says while it is filled in: hints that fit the type, and which tax ids nobody here can check. */

export function asking(form: HTMLFormElement): void {
  hintOfType(form);
  warningOfCountry(form);
  whyOfDay(form);
}

function hintOfType(form: HTMLFormElement): void {
  const hint = form.querySelector<HTMLElement>("#text-hint");
  const usual = hint?.textContent ?? "";
  const show = () => {
    const type = form.querySelector<HTMLInputElement>("input[name='type']:checked");
    if (hint) hint.textContent = type?.dataset.note || usual;
  };
  form.querySelector("[data-name='type']")?.addEventListener("change", show);
  show();
}

function warningOfCountry(form: HTMLFormElement): void {
  const country = form.querySelector<HTMLSelectElement>("#tax_country");
  const id = form.querySelector<HTMLInputElement>("#tax_id");
  const warning = form.querySelector<HTMLElement>("#tax_id-warning");
  if (!country || !id || !warning) return;
  const show = () => {
    const chosen = country.selectedOptions[0]?.dataset;
    id.placeholder = chosen?.kinds ?? "";
    warning.textContent = id.value.trim() ? (chosen?.note ?? "") : "";
  };
  const said = warning.textContent;
  country.addEventListener("change", show);
  id.addEventListener("input", show);
  show();
  // Of this very number the server knew more than the country tells.
  if (said) warning.textContent = said;
}

/** A day has its reason; without a day none is asked for. */
function whyOfDay(form: HTMLFormElement): void {
  const day = form.querySelector<HTMLInputElement>("#wanted");
  const why = form.querySelector<HTMLElement>("[data-only='wanted']");
  const typed = why?.querySelector("input");
  if (!day || !why || !typed) return;
  const show = () => {
    why.hidden = !day.value && !typed.value && !("wrong" in why.dataset);
  };
  day.addEventListener("input", show);
  day.addEventListener("change", show);
  show();
}
