/** The API key that the reader typed, where the server asks for one: kept in this tab until it is closed. */
const NAME = 'stock-analysis.api-key';

export function readKey(): string | null {
  try {
    return sessionStorage.getItem(NAME);
  } catch {
    return null;
  }
}

/** Whether the key could be kept; a browser may forbid it. */
export function keepKey(key: string): boolean {
  try {
    sessionStorage.setItem(NAME, key);
    return true;
  } catch {
    return false;
  }
}
