import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import fs from 'node:fs/promises';
import path from 'node:path';

import type { HostPathVolumeSource } from '../../api/generated/types.ts';
import { diskUse } from '../disk-use.ts';
import { type VolumeFiles, writeAtomically } from './atomic-directory.ts';
import { hostPathVolume } from './host-path.ts';
import { mountMemory, unmountMemory } from './memory-directory.ts';
import { giveToGroup } from './ownership.ts';
import { subPathOf } from './sub-path.ts';

/** What the agent does with the machine's files. */
export interface Disk {
  /** Makes the files of a volume exactly these, at once for whoever reads them. */
  writeFiles(directory: string, files: VolumeFiles, owner: { readonly gid: number } | undefined): Promise<void>;
  /** Makes a directory that everybody may write to. */
  makeDirectory(directory: string): Promise<void>;
  /** The same, in memory where the machine allows it. */
  makeMemoryDirectory(directory: string, sizeLimit: string | undefined): Promise<void>;
  makeFile(file: string): Promise<void>;
  isDirectory(directory: string): Promise<boolean>;
  giveToGroup(directory: string, gid: number, policy: string | undefined): Promise<void>;
  hostPath(source: HostPathVolumeSource): Promise<string>;
  subPath(volumePath: string, subPath: string): Promise<string>;
  /** How many bytes each directory takes, with everything in it on the same file system. */
  sizes(directories: readonly string[]): Promise<readonly number[]>;
  /** The names in a directory; none when there is no such directory. */
  names(directory: string): Promise<readonly string[]>;
  /** Removes a directory and everything in it. */
  remove(directory: string): Promise<void>;
}

/** The disk of this machine. */
export const machineDisk: Disk = {
  async writeFiles(directory, files, owner) {
    await writeAtomically(directory, files, owner);
  },
  async makeDirectory(directory) {
    await fs.mkdir(directory, { recursive: true });
    await fs.chmod(directory, 0o777);
  },
  async makeMemoryDirectory(directory, sizeLimit) {
    await fs.mkdir(directory, { recursive: true });
    await mountMemory(directory, sizeLimit);
    await fs.chmod(directory, 0o777);
  },
  async makeFile(file) {
    // On every start of a container: three trips to the thread pool would cost more than the work.
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, '');
    chmodSync(file, 0o666);
  },
  async isDirectory(directory) {
    return (await fs.stat(directory).catch(() => undefined))?.isDirectory() ?? false;
  },
  names: (directory) => fs.readdir(directory).catch(() => []),
  sizes: diskUse,
  giveToGroup,
  hostPath: hostPathVolume,
  subPath: subPathOf,
  async remove(directory) {
    await unmountMemory(directory);
    await fs.rm(directory, { recursive: true, force: true });
  },
};

/** For pods without processes: nobody reads what would be written. */
export const noDisk: Disk = {
  async writeFiles() {},
  async makeDirectory() {},
  async makeMemoryDirectory() {},
  async makeFile() {},
  isDirectory: async () => true,
  sizes: async () => [],
  names: async () => [],
  async giveToGroup() {},
  hostPath: async (source) => source.path,
  subPath: async (volumePath, subPath) => path.join(volumePath, subPath),
  async remove() {},
};
