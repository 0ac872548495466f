{{- define "stock.backupToml" -}}
{{- $storage := .Values.backup.storage }}
{{- if eq $storage.mode "s3" }}
{{- $s3 := $storage.s3 -}}
storage = {{ required "backup.storage.s3.url is missing: s3://BUCKET/PREFIX" $s3.url | toJson }}
{{- with $s3.endpoint }}
s3_endpoint = {{ toJson . }}
{{- end }}
s3_region = {{ toJson $s3.region }}
{{- else -}}
storage = "/var/lib/stock-ops-backups"
{{- end }}
{{- range $key, $value := .Values.backup.settings }}
{{ $key }} = {{ kindIs "string" $value | ternary (toJson $value) (include "stock.text" $value) }}
{{- end }}
{{- end }}

{{/* A container of the operations beside the servers of the release: {root, name, args}. */}}
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
      platform={{ $gateway }}:{{ $values.parts.gateway.port }}
      backup={{ $backup }}:8003
  - {name: STOCKOPS_SECRETS, value: /run/secrets/}
  - {name: STOCKOPS_KEY_FILE, value: /etc/stock-backup/key}
  - {name: STOCKOPS_CLUSTER, value: pgdata}
  - {name: MALLOC_ARENA_MAX, value: "1"}
resources: {{- toYaml $values.backup.resources | nindent 2 }}
{{ include "stock.containerSecurity" .root }}
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
