# The image of rightsize-controller: one static binary, no shell, no package, not root, and a root file system that can be read-only.
#
#   docker build --build-arg VERSION=v0.1.0 --tag rightsize-controller .
#
# Reproducible: the same commit and base images give the same binary, whoever builds it and wherever (-trimpath, no build id, no
# version control stamp). For a reproducible image, pin both base images by digest, set SOURCE_DATE_EPOCH to the time of the commit, and
# build with --output type=image,rewrite-timestamp=true.
ARG GO_IMAGE=golang:1.26
ARG BASE_IMAGE=gcr.io/distroless/static-debian12:nonroot

FROM --platform=$BUILDPLATFORM ${GO_IMAGE} AS build
ARG TARGETOS TARGETARCH VERSION=dev
ENV GOCACHE=/go/build-cache
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/go/build-cache \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -buildvcs=false -o /out/rightsize-controller \
    -ldflags "-s -w -buildid= -X main.version=${VERSION}" ./cmd/rightsize-controller

FROM ${BASE_IMAGE}
COPY --from=build /out/rightsize-controller /rightsize-controller
USER 65532:65532
ENTRYPOINT ["/rightsize-controller"]
