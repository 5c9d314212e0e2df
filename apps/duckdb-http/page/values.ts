/** Arrow's values as the page shows and draws them. */
import { type DataType, type Field, Type } from '@uwdata/flechette';

const NUMBERS: readonly number[] = [Type.Int, Type.Float, Type.Decimal];
const TIMES: readonly number[] = [Type.Date, Type.Timestamp];

export const isNumber = ({ type }: Field): boolean => NUMBERS.includes(type.typeId);
export const isTime = ({ type }: Field): boolean => TIMES.includes(type.typeId);

/** Of a DECIMAL, which comes as a whole number. */
function decimal(value: bigint, scale: number): string {
  const digits = String(value < 0n ? -value : value).padStart(scale + 1, '0');
  const whole = digits.slice(0, digits.length - scale);
  return `${value < 0n ? '-' : ''}${whole}${scale > 0 ? `.${digits.slice(-scale)}` : ''}`;
}

const scaleOf = (type: DataType): number => (type as { scale?: number }).scale ?? 0;

/** Exactly, as DuckDB would print it. */
export function show(value: unknown, type: DataType): string {
  if (value === null || value === undefined) return 'NULL';
  switch (type.typeId) {
    case Type.Decimal:
      return decimal(value as bigint, scaleOf(type));
    case Type.Date:
      return new Date(Number(value)).toISOString().slice(0, 10);
    case Type.Timestamp: {
      const text = new Date(Number(value))
        .toISOString()
        .replace('T', ' ')
        .replace(/(\.000)?Z$/, '');
      return (type as { timezone?: string | null }).timezone ? `${text}Z` : text;
    }
    case Type.Binary:
      return `\\x${[...(value as Uint8Array)].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`;
    default:
      return typeof value === 'object' ? JSON.stringify(value, plain) : String(value as string);
  }
}

/** Lists of numbers come as typed arrays, and large numbers aren't JSON's. */
function plain(_key: string, value: unknown): unknown {
  if (ArrayBuffer.isView(value)) return Array.from(value as Int32Array);
  if (typeof value !== 'bigint') return value;
  return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
}

/** For a chart: a number, a time, or a text. */
export function plottable(value: unknown, type: DataType): number | Date | string | null {
  if (value === null || value === undefined) return null;
  if (TIMES.includes(type.typeId)) return new Date(Number(value));
  if (type.typeId === Type.Decimal) return Number(decimal(value as bigint, scaleOf(type)));
  if (NUMBERS.includes(type.typeId)) return Number(value);
  return show(value, type);
}
