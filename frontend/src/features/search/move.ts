/** Where a key leads in a list of `length`, round its ends; null where it is no key of a list. */
export function moveIn(length: number, active: number, key: string): number | null {
  if (length === 0) return null;
  switch (key) {
    case 'ArrowDown':
      return (active + 1) % length;
    case 'ArrowUp':
      return (active - 1 + length) % length;
    case 'PageDown':
      return Math.min(length - 1, active + 8);
    case 'PageUp':
      return Math.max(0, active - 8);
    default:
      return null;
  }
}
