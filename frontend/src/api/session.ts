/** How it ended: the session has begun, the server refuses the key, or no answer came that says either. */
export type SessionOutcome = 'begun' | 'refused' | 'failed';

/**
 * Begins a session with the API key that the reader typed, where the server asks for one. The server keeps it as a
 * cookie that no script can read; the page itself forgets the key.
 */
export async function beginSession(key: string): Promise<SessionOutcome> {
  try {
    const answer = await fetch('/api/v1/session', { method: 'POST', headers: { Authorization: `Bearer ${key}` } });
    if (answer.ok) return 'begun';
    return answer.status === 401 || answer.status === 403 ? 'refused' : 'failed';
  } catch {
    return 'failed';
  }
}
