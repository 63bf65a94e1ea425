import { isIP, isIPv4, isIPv6 } from 'node:net';

import { checkDnsSubdomain } from '../../api/names.ts';

const DATE = /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$/;
const DATE_TIME = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:?\d\d)$/;
const DURATION =
  /^[+-]?(\d+(\.\d+)?\s*(ns|us|µs|ms|s|m|h|d|w|(nano|micro|milli)?sec(ond)?s?|min(ute)?s?|hours?|days?|weeks?)\s*)+$|^0$/;
const EMAIL = /^[^\s@<>()]+@[^\s@<>()]+$/;
const MAC = /^([0-9a-f]{2}[:-]){5}([0-9a-f]{2})(([:-][0-9a-f]{2}){2})?$/i;
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;
const UUID = /^[0-9a-f]{8}-?[0-9a-f]{4}-?([0-9a-f])[0-9a-f]{3}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i;

const isUuid =
  (version: string) =>
  (text: string): boolean => {
    const found = UUID.exec(text);
    return found !== null && (version === '' || found[1] === version);
  };

const FORMATS: ReadonlyMap<string, (text: string) => boolean> = new Map([
  ['date', (text) => DATE.test(text) && !Number.isNaN(Date.parse(text))],
  ['date-time', (text) => DATE_TIME.test(text) && !Number.isNaN(Date.parse(text))],
  ['datetime', (text) => DATE_TIME.test(text) && !Number.isNaN(Date.parse(text))],
  ['duration', (text) => DURATION.test(text)],
  ['email', (text) => EMAIL.test(text)],
  ['hostname', (text) => checkDnsSubdomain(text.toLowerCase()).length === 0],
  ['ipv4', isIPv4],
  ['ipv6', isIPv6],
  ['cidr', isRange],
  ['mac', (text) => MAC.test(text)],
  ['uri', (text) => URL.canParse(text)],
  ['byte', (text) => text.length % 4 === 0 && BASE64.test(text)],
  ['uuid', isUuid('')],
  ['uuid3', isUuid('3')],
  ['uuid4', isUuid('4')],
  ['uuid5', isUuid('5')],
]);

function isRange(text: string): boolean {
  const [address = '', bits = ''] = text.split('/');
  const family = isIP(address);
  return family !== 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128);
}

/** Whether a string is as its format says. Formats that are not known say nothing, as in Kubernetes. */
export function isFormatted(text: string, format: string): boolean {
  return FORMATS.get(format)?.(text) ?? true;
}
