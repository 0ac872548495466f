import { useEffect, useState } from 'react';
import type { LiveState, LiveTopic } from '@/domain/live';
import { useObservable } from '@/lib/observable';
import { LiveConnection, type OpenSocket } from './connection';

/** The API key goes as the session's cookie, never in the address. */
const openSocket: OpenSocket = (hears) => {
  const address = new URL('/ws', location.href);
  address.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
  const socket = new WebSocket(address, ['stock-analysis.v1']);
  socket.onmessage = ({ data }) => {
    hears.message(data);
  };
  socket.onclose = hears.close;
  return {
    send: (data) => {
      socket.send(data);
    },
    close: () => {
      closeQuietly(socket);
    },
  };
};

/** A socket that is closed while it still connects makes the browser complain in the console. */
function closeQuietly(socket: WebSocket): void {
  if (socket.readyState === WebSocket.CONNECTING) {
    socket.onopen = () => {
      socket.close();
    };
  } else {
    socket.close();
  }
}

/** The newest bars of what is shown, kept up to date; null = nothing is followed. */
export function useLivePrices(topic: LiveTopic | null): LiveState {
  const [connection] = useState(() => new LiveConnection(openSocket));
  const wanted = JSON.stringify(topic);
  useEffect(() => {
    connection.follow(JSON.parse(wanted) as LiveTopic | null);
  }, [connection, wanted]);
  useEffect(() => {
    const wake = () => {
      if (document.visibilityState === 'visible') connection.wake();
    };
    document.addEventListener('visibilitychange', wake);
    document.addEventListener('resume', wake);
    window.addEventListener('online', wake);
    window.addEventListener('pageshow', wake);
    return () => {
      document.removeEventListener('visibilitychange', wake);
      document.removeEventListener('resume', wake);
      window.removeEventListener('online', wake);
      window.removeEventListener('pageshow', wake);
      connection.follow(null);
    };
  }, [connection]);
  return useObservable(connection.state);
}
