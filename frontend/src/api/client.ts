import type { Answer, Arguments, GetPath } from './types';

/** RFC 9457, as far as it is shown. */
interface Problem {
  title?: string;
  detail?: string;
  request_id?: string;
}

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

  /** The server wants an API key, or another one. */
  get needsKey(): boolean {
    return this.status === 401;
  }

  get isNotFound(): boolean {
    return this.status === 404;
  }

  /** The request itself is at fault, so that sending it again cannot help. */
  get isClientFault(): boolean {
    return this.status >= 400 && this.status < 500 && this.status !== 408 && this.status !== 429;
  }
}

export async function get<Path extends GetPath>(
  path: Path,
  given: Arguments<Path>,
  signal: AbortSignal,
): Promise<Answer<Path>> {
  const response = await send(addressOf(path, given), signal);
  if (!response.ok) throw await failureOf(response);
  return (await response.json()) as Answer<Path>;
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

async function problemOf(response: Response): Promise<Problem> {
  if (!response.headers.get('content-type')?.includes('json')) return {};
  try {
    return (await response.json()) as Problem;
  } catch {
    return {};
  }
}

type Value = string | number | boolean | readonly string[] | null | undefined;

/** The path with its parameters filled in; what is null or undefined is left out of the query, a list repeats its key. */
export function addressOf(path: string, given: { path?: unknown; query?: unknown }): string {
  const filled = Object.entries((given.path ?? {}) as Record<string, string>).reduce(
    (address, [name, value]) => address.replace(`{${name}}`, encodeURIComponent(value)),
    path,
  );
  const params = new URLSearchParams();
  for (const [key, value] of Object.entries((given.query ?? {}) as Record<string, Value>)) {
    if (value === null || value === undefined) continue;
    for (const one of typeof value === 'object' ? value : [String(value)]) params.append(key, one);
  }
  return params.size === 0 ? filled : `${filled}?${params.toString()}`;
}
