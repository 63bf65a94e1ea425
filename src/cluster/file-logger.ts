import fs from 'node:fs';
import { pino } from 'pino';

import type { LogFields, Logger } from '../platform/logger.ts';

/** A log larger than this is put aside; one older log is kept. */
const MAX_LOG_BYTES = 10 * 1024 * 1024;

/** Characters of lines that a full disk has not taken yet; what goes beyond is lost. */
const MAX_UNWRITTEN = 1024 * 1024;

/**
 * Writes JSON lines to a file that only its owner can read, of `maxBytes` and one line at most, and with as many put
 * aside in a second file. `$BERTH_LOG_LEVEL` says from which level; default info.
 */
export function fileLogger(file: string, maxBytes = MAX_LOG_BYTES): Logger {
  const destination = pino.destination({ dest: file, append: true, mode: 0o600, sync: true, maxLength: MAX_UNWRITTEN });
  // A disk that takes no more lines is no reason to end.
  destination.on('error', () => {});
  let size = fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  const bounded = {
    write(line: string): void {
      if (size > maxBytes && putAside(file)) {
        destination.reopen();
        size = 0;
      }
      size += Buffer.byteLength(line);
      destination.write(line);
    },
  };
  const level = levelOf(process.env.BERTH_LOG_LEVEL);
  return adapt(pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, bounded));
}

/** False when it cannot be: then the log goes on growing. */
function putAside(file: string): boolean {
  try {
    fs.renameSync(file, `${file}.1`);
    return true;
  } catch {
    return false;
  }
}

/** A level there is not is as good as none. */
function levelOf(name = 'info'): string {
  return name in pino.levels.values ? name : 'info';
}

function adapt(log: pino.Logger): Logger {
  const write = (level: 'debug' | 'info' | 'warn' | 'error') => (message: string, fields?: LogFields) =>
    fields === undefined ? log[level](message) : log[level](fields, message);
  return {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    child: (fields) => adapt(log.child(fields)),
  };
}
