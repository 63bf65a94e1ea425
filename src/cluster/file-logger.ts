import fs from 'node:fs';
import { pino } from 'pino';

import type { LogFields, Logger } from '../platform/logger.ts';

/** A log larger than this is put aside when the next server starts; one older log is kept. */
const MAX_LOG_BYTES = 10 * 1024 * 1024;

/** Characters of lines that a full disk has not taken yet; what goes beyond is lost. */
const MAX_UNWRITTEN = 1024 * 1024;

/** Writes JSON lines to a file that only its owner can read. `$BERTH_LOG_LEVEL` says from which level; default info. */
export function fileLogger(file: string): Logger {
  if (fs.existsSync(file) && fs.statSync(file).size > MAX_LOG_BYTES) fs.renameSync(file, `${file}.1`);
  const destination = pino.destination({ dest: file, append: true, mode: 0o600, sync: true, maxLength: MAX_UNWRITTEN });
  // A disk that takes no more lines is no reason to end.
  destination.on('error', () => {});
  return adapt(
    pino(
      { level: levelOf(process.env.BERTH_LOG_LEVEL), base: null, timestamp: pino.stdTimeFunctions.isoTime },
      destination,
    ),
  );
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
