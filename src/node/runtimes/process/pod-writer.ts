import fs from 'node:fs';
import path from 'node:path';

import type { FifoPool } from './fifo.ts';
import { readIfThere, writeAtomically } from './files.ts';
import { holderText, type LockFile } from './identity-locks.ts';
import { type PodFiles, type PodRecord, thisBoot } from './pod-files.ts';
import { hostsFile, resolverFile } from './resolver-files.ts';

export interface PodWriterOptions {
  readonly record: PodRecord;
  readonly locks: readonly LockFile[];
  readonly linkFiles: Readonly<Record<string, string>>;
  /** The directory of the node, for whoever finds a lock held. */
  readonly owner: string;
  readonly fifos: FifoPool;
}

/** The directory of a pod is there whole or not at all. The files of a pod that is started again are replaced. */
export async function writePod(files: PodFiles, options: PodWriterOptions): Promise<void> {
  const { record, locks } = options;
  const { pod, address } = record;
  const fresh = !fs.existsSync(files.directory);
  const directory = fresh ? `${files.directory}.new` : files.directory;
  if (fresh) {
    fs.rmSync(directory, { recursive: true, force: true });
    fs.mkdirSync(path.join(directory, 'containers'), { recursive: true, mode: 0o700 });
    fs.mkdirSync(path.join(directory, 'shm'));
    await options.fifos.take(path.join(directory, 'control'), path.join(directory, 'events'));
  }
  const sysctls = Object.entries(pod.sysctls).map(([name, value]) => [`/proc/sys/${name.replaceAll('.', '/')}`, value]);
  const texts: Record<string, string | undefined> = {
    hostname: lines([pod.hostname]),
    hosts: hostsFile(pod, address),
    'resolv.conf': resolverFile(pod.dns),
    sysctls: lines(sysctls.flat()),
    holder: lines([holderText({ pod: `${pod.namespace}/${pod.name}`, uid: pod.uid, directory: options.owner })]),
    locks: lines(locks.map(({ file }) => file)),
    ...options.linkFiles,
    'pod.json': JSON.stringify({ ...record, pipe: fs.statSync(path.join(directory, 'events')).ino, boot: thisBoot() }),
  };
  for (const [name, text] of Object.entries(texts)) {
    // Programs of any user read hosts and resolv.conf.
    if (text === undefined) continue;
    const file = path.join(directory, name);
    // A directory that is not there yet, as far as anybody can see, is whole when it has its name.
    if (fresh) fs.writeFileSync(file, text, { mode: 0o644 });
    else writeAtomically(file, text, 0o644);
  }
  if (fresh) fs.renameSync(directory, files.directory);
}

/**
 * Adds lines to the pod's hosts file. The file stays the same one, as it is mounted in containers; it is written over
 * before it is cut, so that nobody finds it empty.
 */
export function rewriteHosts(files: PodFiles, record: PodRecord, linesFor: (namespace: string) => string): void {
  const text = hostsFile(record.pod, record.address) + linesFor(record.pod.namespace);
  const file = path.join(files.directory, 'hosts');
  if (readIfThere(file) === text) return;
  const descriptor = fs.openSync(file, 'r+');
  try {
    fs.writeSync(descriptor, text, 0);
    fs.ftruncateSync(descriptor, Buffer.byteLength(text));
  } finally {
    fs.closeSync(descriptor);
  }
}

function lines(values: readonly string[]): string {
  return values.map((value) => `${value}\n`).join('');
}
