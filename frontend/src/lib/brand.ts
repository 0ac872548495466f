declare const brand: unique symbol;

/** A number that may not be mistaken for another kind of number. */
export type Brand<Name extends string> = number & { readonly [brand]: Name };

/** An instant: seconds since 1970 UTC. Daily and longer bars carry 00:00 UTC of the session date. */
export type EpochSeconds = Brand<'EpochSeconds'>;

/** Seconds whose UTC fields read as the wall clock of the exchange: what the time axis is given. */
export type ChartSeconds = Brand<'ChartSeconds'>;

/** Position of a bar in the loaded columns, 0 = oldest. */
export type BarIndex = Brand<'BarIndex'>;

/** Price in the instrument's currency, as adjusted by the request. */
export type Price = Brand<'Price'>;

export const epochSeconds = (value: number): EpochSeconds => value as EpochSeconds;
export const chartSeconds = (value: number): ChartSeconds => value as ChartSeconds;
export const barIndex = (value: number): BarIndex => value as BarIndex;
export const price = (value: number): Price => value as Price;

/** An instant of the platform's own doing: milliseconds since 1970 UTC. */
export type Instant = Brand<'Instant'>;

export const instant = (value: number | string): Instant => new Date(value).getTime() as Instant;
