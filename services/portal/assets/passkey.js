// Asks the device for a passkey and sends its answer with the form. Nothing else on this site needs a script.
const form = document.querySelector("form[data-passkey]");
const button = form.querySelector("button");
const waiting = document.querySelector("#waiting");
const failed = document.querySelector("#failed");
const show = (shown, hidden) => { hidden.hidden = true; shown.hidden = false; };

const creates = form.dataset.passkey === "create";
const credentials = window.PublicKeyCredential;
if (!credentials || !credentials.parseRequestOptionsFromJSON || !credentials.prototype.toJSON) {
  document.querySelector("#unsupported").hidden = false;
} else {
  document.querySelector("#ready").hidden = false;
}

form.addEventListener("submit", async (event) => {
  if (form.elements.answer.value !== "") return;
  event.preventDefault();
  button.disabled = true;
  show(waiting, failed);
  try {
    const asked = JSON.parse(form.dataset.asked);
    const options = asked.publicKey ?? asked;
    const given = creates
      ? await navigator.credentials.create({ publicKey: credentials.parseCreationOptionsFromJSON(options) })
      : await navigator.credentials.get({ publicKey: credentials.parseRequestOptionsFromJSON(options) });
    form.elements.answer.value = JSON.stringify(given.toJSON());
    form.submit();
  } catch {
    show(failed, waiting);
    button.disabled = false;
    button.focus();
  }
});
