{{- define "stock.name" -}}
{{ printf "%s-%s" .root.Release.Name .part | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* What selects the pods of a part: never a version, which a selector could not change later. */}}
{{- define "stock.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end }}

{{- define "stock.labels" -}}
{{ include "stock.selector" . }}
app.kubernetes.io/part-of: {{ .root.Chart.Name }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- end }}

{{/* A value as text: Helm reads every number as a float, and would write a million as 1e+06. */}}
{{- define "stock.text" -}}
{{- if and (kindIs "float64" .) (eq . (floor .)) }}{{ int64 . }}{{ else }}{{ . }}{{ end }}
{{- end }}

{{- define "stock.image" -}}
{{- $image := .Values.image }}
{{- if $image.digest }}
{{- printf "%s@%s" $image.repository $image.digest }}
{{- else if and $image.allowTag $image.tag }}
{{- printf "%s:%s" $image.repository $image.tag }}
{{- else }}
{{- fail "image.digest is missing: give the digest of the image that was pushed (sha256:...), or image.tag with image.allowTag=true on a cluster of your own" }}
{{- end }}
{{- end }}

{{/* The image of the operations. */}}
{{- define "stock.opsImage" -}}
{{- $image := .Values.backup.image }}
{{- if $image.digest }}
{{- printf "%s@%s" $image.repository $image.digest }}
{{- else if and .Values.image.allowTag $image.tag }}
{{- printf "%s:%s" $image.repository $image.tag }}
{{- else }}
{{- fail "backup.image.digest is missing: give the digest of the image stock-ops that was pushed (sha256:...), or backup.image.tag with image.allowTag=true on a cluster of your own" }}
{{- end }}
{{- end }}

{{/* An image of another project: with its digest, or on a cluster of one's own with a tag. */}}
{{- define "stock.pinned" -}}
{{- if not .image }}
{{- fail (printf "%s is missing: NAME@sha256:..." .what) }}
{{- end }}
{{- if not (or (contains "@sha256:" .image) .root.Values.image.allowTag) }}
{{- fail (printf "%s=%s is not pinned: give it as NAME@sha256:..." .what .image) }}
{{- end }}
{{- .image }}
{{- end }}

{{- define "stock.secret" -}}
{{- if .Values.secrets.external.enabled }}
{{- printf "%s-secrets" .Release.Name }}
{{- else if .Values.secrets.existing }}
{{- .Values.secrets.existing }}
{{- else }}
{{- fail "secrets.existing is missing: make a Secret of the files that `stockops secrets init --folder FOLDER` draws (kubectl create secret generic NAME --from-file=FOLDER) and name it, or enable secrets.external" }}
{{- end }}
{{- end }}

{{- define "stock.databaseHost" -}}
{{- if eq .Values.database.mode "managed" }}
{{- include "stock.name" (dict "root" . "part" "postgresql") }}
{{- else if eq .Values.database.mode "operator" }}
{{- printf "%s-rw" (include "stock.name" (dict "root" . "part" "postgresql")) }}
{{- else }}
{{- required "database.host is missing: database.mode is external" .Values.database.host }}
{{- end }}
{{- end }}

{{- define "stock.valkeyHost" -}}
{{- if eq .Values.valkey.mode "managed" }}
{{- include "stock.name" (dict "root" . "part" "valkey") }}
{{- else }}
{{- required "valkey.host is missing: valkey.mode is external" .Values.valkey.host }}
{{- end }}
{{- end }}

{{/* The Secret's keys are named as the database roles are. */}}
{{- define "stock.databaseRole" -}}
{{ eq . "owner" | ternary "stock_analysis" (printf "stock_%s" .) }}
{{- end }}
