{{- define "type" -}}
{{- $type := . }}
## {{ $type.Name }}

{{ $type.Doc }}
{{ if $type.Members }}
| field | type | meaning |
| --- | --- | --- |
{{ if $type.GVK -}}
| `apiVersion` | string | `{{ $type.GVK.Group }}/{{ $type.GVK.Version }}` |
| `kind` | string | `{{ $type.GVK.Kind }}` |
{{ end -}}
{{ range $type.Members -}}
| `{{ .Name }}` | {{ markdownRenderType .Type }} | {{ template "type_members" . }} |
{{ end -}}
{{ end -}}
{{- if $type.EnumValues }}
| value | meaning |
| --- | --- |
{{ range $type.EnumValues -}}
| `{{ .Name }}` | {{ regexReplaceAll "^[A-Z][A-Za-z0-9]*: " (.Doc | replace "\n" " ") "" }} |
{{ end -}}
{{ end -}}
{{- end -}}
