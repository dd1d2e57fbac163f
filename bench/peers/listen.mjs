// How a peer is started: `node NAME.mjs [PORT]`. It says on standard output where it listens, as our own server does.

export const port = Number(process.argv[2] ?? 0);

export const listening = (actual) => console.log(`listening on http://127.0.0.1:${actual}`);
