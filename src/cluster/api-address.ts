import os from 'node:os';

const EVERYWHERE: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

/** Where programs of this machine reach a server that listens on an address. */
export function localAddress(address: string): string {
  return EVERYWHERE.has(address) ? '127.0.0.1' : address;
}

export function localUrl(address: string, port: number): string {
  const local = localAddress(address);
  return `https://${local.includes(':') ? `[${local}]` : local}:${port}`;
}

/** What others call a server that listens on an address: its certificate has to be good for these. */
export function namesOf(address: string): readonly string[] {
  if (!EVERYWHERE.has(address)) return [address];
  const own = Object.entries(os.networkInterfaces())
    // Bridges of pods come and go, and nobody from outside knows them.
    .filter(([name]) => !name.startsWith('berth'))
    .flatMap(([, addresses]) => addresses ?? [])
    .filter(({ internal, scopeid }) => !internal && !scopeid)
    .map((each) => each.address);
  return [os.hostname(), ...own];
}
