#!/bin/bash
# Publishes the five programs for this machine's platform and, with docker, podman or buildah, builds an image of each.
# usage: hack/images.sh [--publish-only] [--repository PREFIX] [--tag TAG] [--base IMAGE] [COMPONENT …]
#   --publish-only       stop before the images: what goes into them is in artifacts/images/COMPONENT
#   --repository PREFIX  default: ai-models, so that the images are ai-models/apiserver:TAG …
#   --tag TAG            default: latest
#   --base IMAGE         the .NET runtime's image, or a mirror of it (default: mcr.microsoft.com/dotnet/aspnet:10.0)
# Then push them, and name them in manifests/components/images/kustomization.yaml.
. "$(dirname "$0")/lib.sh"
cd "$ROOT"

publish_only='' repository=ai-models tag=latest base=mcr.microsoft.com/dotnet/aspnet:10.0 components=()
while [ $# -gt 0 ]; do
  case $1 in
    --publish-only) publish_only=yes ;;
    --repository | --tag | --base)
      [ $# -ge 2 ] || { echo "images.sh: $1: a value is missing" >&2; exit 2; }
      case $1 in --repository) repository=$2 ;; --tag) tag=$2 ;; --base) base=$2 ;; esac
      shift ;;
    --help | -h) sed -n '2,8s/^# //p' "$0"; exit 0 ;;
    apiserver | registry | controllers | nodeagent | csi-driver) components+=("$1") ;;
    *) echo "images.sh: '$1' is no option and no component (see --help)" >&2; exit 2 ;;
  esac
  shift
done
[ ${#components[@]} -gt 0 ] || components=(apiserver registry controllers nodeagent csi-driver)
project_of() {
  case $1 in
    apiserver) echo apiserver/ApiServer ;;
    registry) echo registry/Server ;;
    *) echo "$1" ;;
  esac
}
builder=''
for program in docker podman buildah; do have "$program" && builder=$program && break; done

mkdir -p artifacts
for component in "${components[@]}"; do
  step "$component"
  out=artifacts/images/$component
  rm -rf "$out"
  publish "$(project_of "$component")" "$out" >artifacts/publish.log 2>&1 ||
    fail "dotnet publish of $component failed" "the output is in artifacts/publish.log"
  # What the image's last step checks too: the program is there under its name and starts.
  "$out/$component" --version >/dev/null || fail "$out/$component does not start"
  ok "published: $out ($(du -sh "$out" | cut -f1))"
  [ -z "$publish_only" ] || continue
  [ -n "$builder" ] || fail "none of docker, podman and buildah is installed" "what was published can be built elsewhere: docker build -f hack/images/Dockerfile --build-arg COMPONENT=$component $out"
  "$builder" build -f hack/images/Dockerfile --build-arg BASE="$base" --build-arg COMPONENT="$component" -t "$repository/$component:$tag" "$out" ||
    fail "the image of $component was not built" "behind a mirror, name its copy of the runtime's image with --base"
  ok "built: $repository/$component:$tag"
done
