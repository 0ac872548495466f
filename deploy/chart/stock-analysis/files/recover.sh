#!/bin/sh
# PostgreSQL of this image, with its extensions, on data that stockops brings back. It waits in $STOCKOPS_RECOVERY, on a
# volume that it shares with the container of stockops, for one request after the other: the folder of a cluster, the
# file of a log, one setting a line, an empty line; then names of signals. The options of this script go before the
# settings. When the other side dies, its end of the FIFO closes, and the server ends with it.
set -eu
umask 077
door=$STOCKOPS_RECOVERY

serve() {
    exec 3<"$door/request"
    rm "$door/request"
    IFS= read -r cluster <&3 && IFS= read -r log <&3 || exit 1
    count=$#
    while IFS= read -r setting <&3 || exit 1; [ -n "$setting" ]; do
        set -- "$@" -c "$setting"
    done
    while [ "$count" -gt 0 ]; do
        set -- "$@" "$1"
        shift
        count=$((count - 1))
    done
    exec 4<>"$door/answer"
    echo >&4
    trap : TERM
    postgres -D "$cluster" "$@" >>"$log" 2>&1 </dev/null 3<&- 4<&- &
    server=$!
    trap 'kill -s INT "$server"' TERM
    {
        while IFS= read -r signal; do kill -s "$signal" "$server"; done
        kill -s QUIT "$server"
    } <&3 4<&- &
    reader=$!
    while kill -0 "$server" 2>/dev/null; do wait "$server" || true; done
    kill "$reader" 2>/dev/null || true
}

mkdir -p "$door"
(cd "$(pg_config --sharedir)/extension" && ls ./*--*.sql) >"$door/extensions"
# A shell that was just forked loses a signal: it is said until the job is gone.
end() {
    job=${!-}
    while kill "$job"; do sleep 0.1; done 2>/dev/null &
    wait "$job" || true
    exit 0
}
trap end TERM INT
while true; do
    rm -f "$door/request" "$door/answer"
    mkfifo "$door/answer" "$door/request"
    serve "$@" &
    wait "$!" || true
done
