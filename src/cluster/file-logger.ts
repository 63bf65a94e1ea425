import fs from 'node:fs';
import { pino } from 'pino';

import type { LogFields, Logger } from '../platform/logger.ts';

/** A log larger than this is put aside when the next server starts; one older log is kept. */
const MAX_LOG_BYTES = 10 * 1024 * 1024;

/** Writes JSON lines to a file that only its owner can read. `$BERTH_LOG_LEVEL` says from which level; default info. */
export function fileLogger(file: string): Logger {
  if (fs.existsSync(file) && fs.statSync(file).size > MAX_LOG_BYTES) fs.renameSync(file, `${file}.1`);
  const destination = pino.destination({ dest: file, append: true, mode: 0o600, sync: true });
  return adapt(
    pino(
      { level: process.env.BERTH_LOG_LEVEL ?? 'info', base: null, timestamp: pino.stdTimeFunctions.isoTime },
      destination,
    ),
  );
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
