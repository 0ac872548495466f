import type { Problem } from './types';

/** Why a request failed: the server's problem document, or what stands for one when no server answered. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  /** HTTP status; 0 when no answer came at all. */
  readonly status: number;
  readonly detail: string | null;
  readonly requestId: string | null;

  constructor(status: number, title: string, detail: string | null, requestId: string | null, cause?: unknown) {
    super(title, { cause });
    this.status = status;
    this.detail = detail;
    this.requestId = requestId;
  }

  get isUnreachable(): boolean {
    return this.status === 0;
  }

  get isNotFound(): boolean {
    return this.status === 404;
  }

  /** The request itself is at fault, so that sending it again cannot help. */
  get isClientFault(): boolean {
    return this.status >= 400 && this.status < 500 && this.status !== 408 && this.status !== 429;
  }
}

export type QueryValue = string | number | readonly string[] | undefined;

export async function get<T>(path: string, query: Record<string, QueryValue>, signal: AbortSignal): Promise<T> {
  const response = await send(path + searchOf(query), signal);
  if (!response.ok) throw await failureOf(response);
  return (await response.json()) as T;
}

async function send(address: string, signal: AbortSignal): Promise<Response> {
  try {
    return await fetch(address, { signal, headers: { Accept: 'application/json' } });
  } catch (cause) {
    if (signal.aborted) throw cause;
    throw new ApiError(0, 'unreachable', null, null, cause);
  }
}

async function failureOf(response: Response): Promise<ApiError> {
  const problem = await problemOf(response);
  const requestId = problem.request_id ?? response.headers.get('x-request-id');
  return new ApiError(response.status, problem.title ?? response.statusText, problem.detail ?? null, requestId);
}

async function problemOf(response: Response): Promise<Partial<Problem>> {
  if (!response.headers.get('content-type')?.includes('json')) return {};
  try {
    return (await response.json()) as Partial<Problem>;
  } catch {
    return {};
  }
}

export function searchOf(query: Record<string, QueryValue>): string {
  const params = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    if (value === undefined) continue;
    const values = typeof value === 'object' ? value : [String(value)];
    for (const one of values) params.append(key, one);
  }
  const text = params.toString();
  return text === '' ? '' : `?${text}`;
}
