import type { IndicatorParameter } from '@/api/types';

/** TA-Lib writes "no bound" as about 3e37. */
const UNBOUNDED = 1e30;

export type Fault = { kind: 'empty' | 'integer' } | { kind: 'below' | 'above'; bound: number };
export type Checked = { value: number } | { fault: Fault };

export function boundsOf(parameter: IndicatorParameter): { min: number | null; max: number | null } {
  const bound = (value: number) => (Math.abs(value) >= UNBOUNDED ? null : value);
  return { min: bound(parameter.min), max: bound(parameter.max) };
}

export function check(parameter: IndicatorParameter, text: string): Checked {
  const value = Number(text);
  const { min, max } = boundsOf(parameter);
  if (text.trim() === '' || !Number.isFinite(value)) return { fault: { kind: 'empty' } };
  if (parameter.type !== 'real' && !Number.isInteger(value)) return { fault: { kind: 'integer' } };
  if (min !== null && value < min) return { fault: { kind: 'below', bound: min } };
  if (max !== null && value > max) return { fault: { kind: 'above', bound: max } };
  return { value };
}
