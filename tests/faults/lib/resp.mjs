// As much of Redis' protocol (RESP2) as tells one command from the next, and one reply from the next.

const CR_LF = Buffer.from("\r\n");

/** Where the value that begins at `at` ends; -1 if it is not all there yet. */
function endOf(buffer, at) {
  const line = buffer.indexOf(CR_LF, at);
  if (line < 0) return -1;
  const after = line + CR_LF.length;
  const kind = String.fromCharCode(buffer[at]);
  if (kind !== "$" && kind !== "*") return after;
  const count = Number(buffer.toString("latin1", at + 1, line));
  if (count < 0) return after;
  if (kind === "$") return after + count + CR_LF.length <= buffer.length ? after + count + CR_LF.length : -1;
  let end = after;
  for (let item = 0; item < count && end >= 0; item += 1) end = end < buffer.length ? endOf(buffer, end) : -1;
  return end;
}

/** Gives the values that are complete with each piece. */
export class Values {
  #rest = Buffer.alloc(0);

  take(piece) {
    this.#rest = this.#rest.length > 0 ? Buffer.concat([this.#rest, piece]) : piece;
    const values = [];
    for (let end; this.#rest.length > 0 && (end = endOf(this.#rest, 0)) > 0; ) {
      values.push(this.#rest.subarray(0, end));
      this.#rest = this.#rest.subarray(end);
    }
    return values;
  }
}

/** The name of a command. */
export const commandName = (command) => /^\*\d+\r\n\$\d+\r\n(\w+)/.exec(command.toString("latin1", 0, 64))?.[1].toUpperCase() ?? "";
