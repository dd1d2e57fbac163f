// The alert that says what went wrong and what to do.

function button(label, testid, act) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = "quiet";
  made.dataset.testid = testid;
  made.textContent = label;
  made.addEventListener("click", act);
  return made;
}

/** Shows errors in `region`. */
export function problemView(region) {
  const clear = () => region.replaceChildren();

  /** Shows an error; `retry` is offered where it may help. */
  function show(error, retry) {
    const text = document.createElement("p");
    const message = document.createElement("strong");
    message.textContent = sentence(error.message);
    text.append(message, " ", error.remedy ?? "");
    if (error.code) region.dataset.code = error.code;
    else delete region.dataset.code;
    const again = error.retryable ? [button("Try again", "retry", retry)] : [];
    region.replaceChildren(text, ...again, button("Dismiss", "dismiss", clear));
  }

  return { show, clear };
}

/** A message as a sentence: the SDK's begin small and have no full stop. */
function sentence(message) {
  const text = message.charAt(0).toUpperCase() + message.slice(1);
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
