{{/* A command of the platform that runs to its end: {root, part, name, role, also (a second role), args, hook}. */}}
{{- define "stock.job" -}}
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ include "stock.name" (dict "root" .root "part" .name) }}
  labels: {{- include "stock.labels" (dict "root" .root "part" .part) | nindent 4 }}
  {{- with .hook }}
  annotations:
    helm.sh/hook: {{ . }}
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
  {{- end }}
spec:
  backoffLimit: 2
  activeDeadlineSeconds: {{ .root.Values.jobs.deadlineSeconds }}
  template:
    metadata:
      labels: {{- include "stock.labels" (dict "root" .root "part" .part) | nindent 8 }}
    spec:
      restartPolicy: Never
      {{- include "stock.platformPod" . | nindent 6 }}
      {{- include "stock.pullSecrets" .root | nindent 6 }}
      containers:
        - {{- include "stock.command" (dict "root" .root "name" .part "args" .args "role" .role "also" .also) | nindent 10 }}
          resources: {{- toYaml .root.Values.jobs.resources | nindent 12 }}
      {{- include "stock.volumes" (dict "root" .root "role" .role "valkey" false "also" .also) | nindent 6 }}
{{- end }}
