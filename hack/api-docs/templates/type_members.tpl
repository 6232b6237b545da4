{{- define "type_members" -}}
{{- $field := . -}}
{{- if eq $field.Name "metadata" -}}
the standard metadata of an object
{{- else -}}
{{- range $field.Validation }}{{ if contains "Required" . }}**required:** {{ end }}{{ end -}}
{{- $field.Doc | replace "\n" " " | replace "|" "\\|" -}}
{{- end -}}
{{- end -}}
