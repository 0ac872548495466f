{{- define "stock.backupToml" -}}
{{- $storage := .Values.backup.storage }}
{{- if eq $storage.mode "s3" }}
{{- $s3 := $storage.s3 -}}
storage = {{ required "backup.storage.s3.url is missing: s3://BUCKET/PREFIX" $s3.url | toJson }}
{{- with $s3.endpoint }}
s3_endpoint = {{ toJson . }}
{{- end }}
s3_region = {{ toJson $s3.region }}
{{- if $s3.authority }}
s3_ca_file = "/var/lib/stock-ops/config/ca.crt"
{{- end }}
{{- else -}}
storage = "/var/lib/stock-ops-backups"
{{- end }}
{{- range $key, $value := .Values.backup.settings }}
{{ $key }} = {{ kindIs "string" $value | ternary (toJson $value) (include "stock.text" $value) }}
{{- end }}
{{- end }}

{{/* A container of the operations beside the servers of the release: {root, name, args, door}. */}}
{{- define "stock.opsContainer" -}}
{{- $gateway := include "stock.name" (dict "root" .root "part" "gateway") -}}
{{- $backup := include "stock.name" (dict "root" .root "part" "backup") -}}
{{- $values := .root.Values -}}
name: {{ .name }}
image: {{ include "stock.opsImage" .root }}
imagePullPolicy: {{ $values.image.pullPolicy }}
args: {{ toJson .args }}
env:
  - name: STOCKOPS_SERVERS
    value: >-
      postgresql={{ include "stock.databaseHost" .root }}:{{ include "stock.text" $values.database.port }}
      valkey={{ include "stock.valkeyHost" .root }}:{{ include "stock.text" $values.valkey.port }}
      {{- if $values.parts.gateway.enabled }}
      platform={{ $gateway }}:{{ $values.parts.gateway.port }}
      {{- end }}
      backup={{ $backup }}:8003
  - {name: STOCKOPS_SECRETS, value: /run/secrets/}
  - {name: STOCKOPS_KEY_FILE, value: /etc/stock-backup/key}
  - {name: STOCKOPS_CLUSTER, value: pgdata}
  {{- if eq $values.database.mode "managed" }}
  - {name: STOCKOPS_RECOVERY, value: {{ .door }}}
  {{- end }}
  - {name: MALLOC_ARENA_MAX, value: "1"}
resources: {{- toYaml $values.backup.resources | nindent 2 }}
{{ include "stock.containerSecurity" .root }}
{{- end }}

{{/* PostgreSQL of the database's own image, with its extensions, on what the container of the operations brings back. They
share one folder, in which it waits at the door: {root, door, mount}. It starts before that container and ends after it. */}}
{{- define "stock.recovery" -}}
{{- $managed := .root.Values.database.managed -}}
name: recovery
image: {{ include "stock.pinned" (dict "root" .root "what" "database.managed.image" "image" $managed.image) }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
restartPolicy: Always
command: [/bin/sh, /etc/stock-analysis/recover.sh]
# Of TimescaleDB its launcher alone, and no job: compression and the like would change what is compared.
args:
  - -c
  - shared_preload_libraries={{ get $managed.settings "shared_preload_libraries" }}
  - -c
  - timescaledb.max_background_workers=1
  - -c
  - timescaledb.telemetry_level=off
env:
  - {name: STOCKOPS_RECOVERY, value: {{ .door }}}
startupProbe:
  exec: &waits
    command: [/bin/sh, -c, 'test -p "$STOCKOPS_RECOVERY/answer"']
  periodSeconds: 1
  timeoutSeconds: 5
  failureThreshold: 120
livenessProbe:
  exec: *waits
  periodSeconds: 30
  timeoutSeconds: 10
  failureThreshold: 6
readinessProbe:
  exec: *waits
  periodSeconds: 30
  timeoutSeconds: 10
resources: {{- toYaml .root.Values.backup.recovery.resources | nindent 2 }}
volumeMounts:
  - {{ toJson .mount }}
  - {name: script, mountPath: /etc/stock-analysis, readOnly: true}
  - {name: recovery-tmp, mountPath: /tmp}
  - {name: recovery-memory, mountPath: /dev/shm}
{{ include "stock.containerSecurity" .root }}
{{- end }}

{{- define "stock.recoveryVolumes" -}}
- name: script
  configMap:
    name: {{ include "stock.name" (dict "root" . "part" "postgresql") }}
    items: [{key: recover.sh, path: recover.sh}]
- name: recovery-tmp
  emptyDir: {sizeLimit: 64Mi}
- name: recovery-memory
  emptyDir: {medium: Memory, sizeLimit: 256Mi}
{{- end }}

{{- define "stock.opsMounts" -}}
- {name: config, mountPath: /var/lib/stock-ops/config, readOnly: true}
- {name: key, mountPath: /etc/stock-backup, readOnly: true}
- {name: secrets, mountPath: /run/secrets, readOnly: true}
- {name: tmp, mountPath: /tmp}
- {name: memory, mountPath: /dev/shm}
{{- if eq .Values.backup.storage.mode "volume" }}
- {name: storage, mountPath: /var/lib/stock-ops-backups}
{{- end }}
{{- end }}

{{- define "stock.opsVolumes" -}}
- name: tmp
  emptyDir: {medium: Memory, sizeLimit: 64Mi}
- name: memory
  emptyDir: {medium: Memory, sizeLimit: 128Mi}
- name: config
  projected:
    defaultMode: 0440
    sources:
      - configMap:
          name: {{ include "stock.name" (dict "root" . "part" "backup") }}
      - secret:
          name: {{ .Values.backup.secret }}
          items:
            - {key: recipient, path: backup-recipient.txt}
            - {key: authentication, path: backup-authentication.key}
            {{- if eq .Values.backup.storage.mode "s3" }}
            - {key: credentials, path: backup-credentials.toml}
            {{- end }}
      {{- if and (eq .Values.backup.storage.mode "s3") .Values.backup.storage.s3.authority }}
      - configMap:
          name: {{ .Values.backup.storage.s3.authority }}
          items: [{key: ca.crt, path: ca.crt}]
      {{- end }}
- name: key
  secret:
    secretName: {{ .Values.backup.secret }}
    defaultMode: 0440
    items: [{key: key, path: key}]
- name: secrets
  secret:
    secretName: {{ include "stock.secret" . }}
    defaultMode: 0440
    items: [{key: stock_backup, path: stock_backup}, {key: valkey, path: valkey}]
{{- end }}
