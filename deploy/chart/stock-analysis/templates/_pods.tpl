{{/* What every pod of ours is: no root, no token of the API, one seccomp profile. */}}
{{- define "stock.podSecurity" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: {{ .user }}
  runAsGroup: {{ .group }}
  fsGroup: {{ .group }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "stock.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{/* What every pod of the platform is beside that. A lost packet to the name service costs it a second, not the
resolver's own five. */}}
{{- define "stock.platformPod" -}}
{{ include "stock.podSecurity" (dict "user" 10001 "group" 10001) }}
dnsConfig:
  options:
    - {name: timeout, value: "1"}
    - {name: attempts, value: "5"}
    - {name: ndots, value: "2"}
{{- end }}

{{- define "stock.pullSecrets" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end }}

{{/* Settings of a container of the platform with one database role: {root, role, valkey}. */}}
{{- define "stock.env" -}}
- {name: STOCK_DATABASE_PASSWORDS, value: /run/secrets}
{{- if eq .role "owner" }}
- {name: STOCK_DATABASE_USER, value: {{ include "stock.databaseRole" .role }}}
{{- else }}
- {name: STOCK_DATABASE_{{ .role | upper }}, value: {{ include "stock.databaseRole" .role }}}
{{- end }}
{{- with .also }}
- {name: STOCK_DATABASE_{{ . | upper }}, value: {{ include "stock.databaseRole" . }}}
{{- end }}
{{- if .valkey }}
- {name: STOCK_VALKEY_PASSWORD_FILE, value: /run/secrets/valkey}
{{- end }}
{{- range include "stock.keysOf" .role | fromJsonArray }}
- {name: STOCK_{{ . | upper }}_FILE, value: /run/secrets/{{ . }}}
{{- end }}
{{- end }}

{{/* Keys of the API: the gateway signs sessions of the page, and it and the owner seal API keys. */}}
{{- define "stock.keysOf" -}}
{{- get (dict "gateway" (list "session_key" "api_key_pepper") "owner" (list "api_key_pepper")) . | default list | toJson }}
{{- end }}

{{- define "stock.mounts" -}}
volumeMounts:
  - {name: tmp, mountPath: /tmp}
  - {name: secrets, mountPath: /run/secrets, readOnly: true}
{{- end }}

{{/* The one password of the role, Valkey's where the part uses it, and the keys that it works with. */}}
{{- define "stock.volumes" -}}
volumes:
  - name: tmp
    emptyDir: {medium: Memory, sizeLimit: 64Mi}
  - name: secrets
    secret:
      secretName: {{ include "stock.secret" .root }}
      defaultMode: 0440
      items:
        {{- $role := include "stock.databaseRole" .role }}
        - {key: {{ $role }}, path: {{ $role }}}
        {{- with .also }}
        {{- $other := include "stock.databaseRole" . }}
        - {key: {{ $other }}, path: {{ $other }}}
        {{- end }}
        {{- if .valkey }}
        - {key: valkey, path: valkey}
        {{- end }}
        {{- range include "stock.keysOf" .role | fromJsonArray }}
        - {key: {{ . }}, path: {{ . }}}
        {{- end }}
{{- end }}

{{/* A container of the platform that runs to its end: {root, name, args, role}. */}}
{{- define "stock.command" -}}
name: {{ .name }}
image: {{ include "stock.image" .root }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
args: {{ toJson .args }}
envFrom:
  - configMapRef: {name: {{ include "stock.name" (dict "root" .root "part" "settings") }}}
env:
  {{- include "stock.env" (dict "role" .role "valkey" false "also" .also) | nindent 2 }}
{{ include "stock.mounts" . }}
{{ include "stock.containerSecurity" . }}
{{- end }}
