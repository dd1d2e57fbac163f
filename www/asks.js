// The SDK's reads, each with a button: the call as one would write it, and its answer.

const LINE_CHARS = 60;
const MAX_CHARS = 2_000;

const ASKS = [
  {
    testid: "my-channels",
    label: "My channels",
    call: ({ id }) => ["getPresenceUserChannels", { userProfileId: id }],
  },
  {
    testid: "my-attributes",
    label: "My attributes",
    call: ({ id }, channel) => ["getPresenceUserAttributes", { channel, userProfileId: id }],
  },
  {
    testid: "fetch-list",
    label: "Who is here",
    call: (_, channel) => ["getPresenceChannelUsers", { channel }],
  },
  {
    testid: "fetch-count",
    label: "How many",
    call: (_, channel) => ["getPresenceChannelCount", { channel }],
  },
];

function written(name, argument) {
  const fields = Object.entries(argument).map(([key, value]) => `${key}: ${JSON.stringify(value)}`);
  return `await ${name}({ ${fields.join(", ")} })`;
}

/** On one line where it fits, cut where it is too long to be read. */
function readable(result) {
  const text = JSON.stringify(result, null, 2);
  const line = text.replace(/\n\s*/g, " ");
  if (line.length <= LINE_CHARS) return line;
  if (text.length <= MAX_CHARS) return text;
  return `${text.slice(0, MAX_CHARS)}\n… and ${text.length - MAX_CHARS} characters more`;
}

/**
 * Fills `section` with the buttons. `channel()` is the channel that is meant; `attempt(task)` runs a
 * task and shows its error; `onList(channel, channelUsers)` hears of each list that was read.
 */
export function asksView({ section, visitor, channel, attempt, onList }) {
  const answer = section.querySelector(".answer");

  async function ask({ call }) {
    const { name, argument, result } = await visitor.ask((asked) => call(asked, channel()));
    if (result.channelUsers) onList(argument.channel, result.channelUsers);
    const code = document.createElement("code");
    code.textContent = written(name, argument);
    const value = document.createElement("pre");
    value.textContent = readable(result);
    value.tabIndex = 0;
    answer.replaceChildren(code, value);
  }

  const buttons = ASKS.map((entry) => {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.testid = entry.testid;
    button.textContent = entry.label;
    button.addEventListener("click", () => attempt(() => ask(entry)));
    return button;
  });
  section.querySelector(".buttons").replaceChildren(...buttons);
}
