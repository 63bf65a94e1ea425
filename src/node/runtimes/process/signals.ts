/** The signal that `SIGTERM`, `TERM`, `15` or `SIGRTMIN+3` names. */
export function signalOf(name: string): NodeJS.Signals | number {
  if (/^\d+$/.test(name)) return Number(name);
  const realTime = /^(?:SIG)?RT(MIN|MAX)(?:([+-]\d+))?$/.exec(name);
  if (realTime) return (realTime[1] === 'MIN' ? 34 : 64) + Number(realTime[2] ?? 0);
  return (name.startsWith('SIG') ? name : `SIG${name}`) as NodeJS.Signals;
}
