{{- define "rightsize.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else if contains .Chart.Name .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "rightsize.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/name: rightsize
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "rightsize.selector" -}}
app.kubernetes.io/name: rightsize
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- /* The programs to run, as JSON: for each its role, the suffix of its objects, and the rights it needs. */ -}}
{{- define "rightsize.programs" -}}
{{- if not .Values.roles.actuator -}}
[{"role": "recommender", "suffix": "", "rights": ["recommender"], "account": "recommender"}]
{{- else if .Values.roles.split -}}
[{"role": "recommender", "suffix": "-recommender", "rights": ["recommender"], "account": "recommender"}, {"role": "actuator", "suffix": "-actuator", "rights": ["actuator"], "account": "actuator"}]
{{- else -}}
[{"role": "all", "suffix": "", "rights": ["recommender", "actuator"], "account": "recommender"}]
{{- end }}
{{- end }}

{{- /* Takes a dict of root and program. */ -}}
{{- define "rightsize.serviceAccountName" -}}
{{- $given := index .root.Values.serviceAccount.names .program.account -}}
{{- $given | default (printf "%s%s" (include "rightsize.fullname" .root) .program.suffix) }}
{{- end }}

{{- define "rightsize.image" -}}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) }}
{{- end }}
{{- end }}

{{- /* The settings file. */ -}}
{{- define "rightsize.config" -}}
{{- $config := merge (dict "apiVersion" "rightsize.dev/v1alpha1" "kind" "Config") .Values.config -}}
{{- toYaml $config }}
{{- end }}

{{- /* The rules of one right (recommender or actuator) in namespaces; takes a dict of root and right. */ -}}
{{- define "rightsize.rules" -}}
{{ .root.Files.Get (printf "files/rbac/%s.yaml" .right) | fromYamlArray | toYaml }}
{{- range .root.Values.scaleTargets }}
- apiGroups: [{{ .group | quote }}]
  resources: {{ toJson .resources }}
  verbs: [get, list, watch]
- apiGroups: [{{ .group | quote }}]
  resources:
  {{- range .resources }}
  - {{ . }}/scale
  {{- end }}
  verbs: {{ eq $.right "actuator" | ternary "[get, patch]" "[get]" }}
{{- end }}
{{- if and (eq .right "recommender") .root.Values.rbac.optIn }}
- apiGroups: [rightsize.dev]
  resources: [rightsizes]
  verbs: [create]
{{- end }}
{{- end }}

{{- /* Whether new pods are sized as they are made: "true" or "". */ -}}
{{- define "rightsize.admission" -}}
{{- $kind := "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy" -}}
{{- if or (eq (toString .Values.admission.enabled) "true") (and (eq (toString .Values.admission.enabled) "auto") (.Capabilities.APIVersions.Has $kind)) }}true{{ end }}
{{- end }}

{{- /* The port of the Prometheus URL. */ -}}
{{- define "rightsize.prometheusPort" -}}
{{- $url := urlParse .Values.config.prometheus.url -}}
{{- $port := regexFind ":[0-9]+$" $url.host | trimPrefix ":" -}}
{{- $port | default (eq $url.scheme "https" | ternary "443" "80") }}
{{- end }}

{{- /* GOMEMLIMIT: what is asked for, else four fifths of the memory limit, in MiB. */ -}}
{{- define "rightsize.memoryLimit" -}}
{{- $limit := .Values.resources.limits.memory -}}
{{- if .Values.goMemoryLimit -}}
{{ .Values.goMemoryLimit }}
{{- else if kindIs "string" $limit -}}
{{- $factors := dict "" 1.0 "m" 0.001 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "P" 1e15 "E" 1e18 "Ki" 1024.0 "Mi" 1048576.0 "Gi" 1073741824.0 "Ti" 1099511627776.0 "Pi" 1125899906842624.0 "Ei" 1152921504606846976.0 -}}
{{- $number := regexFind "^[0-9]+(\\.[0-9]+)?" $limit -}}
{{- printf "%dMiB" (max 1 (divf (mulf (float64 $number) (get $factors (trimPrefix $number $limit)) 0.75) 1048576.0 | int64)) }}
{{- else -}}
{{- printf "%dMiB" (max 1 (divf (mulf (float64 $limit) 0.75) 1048576.0 | int64)) }}
{{- end }}
{{- end }}
