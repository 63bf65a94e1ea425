import { execFile } from 'node:child_process';

/**
 * How many bytes each of some directories takes on its file system, holes not counted; 0 for one that is not there. What
 * goes away while it is counted is not missed.
 */
export function diskUse(directories: readonly string[]): Promise<readonly number[]> {
  if (directories.length === 0) return Promise.resolve([]);
  return new Promise((resolve) => {
    // Not its exit code but what it says counts: files come and go while it looks.
    execFile('du', ['-skx', '--', ...directories], { env: { ...process.env, LC_ALL: 'C' } }, (_, output) => {
      const kilobytes = new Map<string, number>();
      for (const line of output.split('\n')) {
        const [, size, directory] = /^(\d+)\t(.*)$/.exec(line) ?? [];
        if (directory !== undefined) kilobytes.set(directory, Number(size));
      }
      resolve(directories.map((directory) => (kilobytes.get(directory) ?? 0) * 1024));
    });
  });
}
