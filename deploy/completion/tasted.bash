# bash completion for tasted; made by 'tasted generate': do not edit
_tasted_keys='kafka.bootstrap.servers=
input.topic=
input.dead_letter_topic=
input.catalogue_topic=
input.group=
input.start=
input.dedupe_ids=
input.user=
input.item=
input.event=
input.ts=
input.value=
input.id=
input.context=
input.played_ms=
input.duration_ms=
redis.url=
redis.prefix=
signals.play=
signals.click=
signals.like=
signals.add=
signals.purchase=
signals.rating=
signals.view=
signals.skip=
signals.dislike=
signals.skip_below=
signals.rating_scale=
signals.rating_positive=
signals.rating_negative=
model.seed=
model.dim=
model.loss=
model.factors=
model.history=
model.last=
model.tower=
model.interactions=
model.popularity=
model.transitions=
model.neighbours=
model.repeats=
model.ratings=
model.peers=
model.dislikes=
model.context=
model.skips=
model.content=
model.memory_limit=
model.kernel=
model.threads=
lists.size=
lists.explore=
lists.similar=
lists.popular_features=
lists.exclude_seen=
lists.format=
lists.ttl=
lists.refresh=
lists.notify=
snapshot.path=
snapshot.interval=
http.listen=
log.level='
_tasted() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev='' command='' words='' options='' files='' i
  ((COMP_CWORD > 0)) && prev=${COMP_WORDS[COMP_CWORD-1]}
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${COMP_WORDS[i]} in
    -c|--config|--set) ((i++)) ;;
    -*|=) ;;
    *) command=${COMP_WORDS[i]}; break ;;
    esac
  done
  case $prev in
  -c|--config) COMPREPLY=($(compgen -f -- "$cur")); return ;;
  --set)
    compopt -o nospace 2>/dev/null
    COMPREPLY=($(compgen -W "$_tasted_keys" -- "$cur")); return ;;
  esac
  case $command:$prev in
    demo:--for) return ;;
    demo:--rate) return ;;
    demo:--seed) return ;;
    demo:--stream) COMPREPLY=($(compgen -f -- "$cur")); return ;;
    demo:--events) return ;;
    load:--format) COMPREPLY=($(compgen -W 'json msgpack' -- "$cur")); return ;;
    load:--rate) return ;;
    load:--speed) return ;;
    replay:--topic) return ;;
    replay:--from) return ;;
    replay:--to) return ;;
    replay:--warmup) return ;;
    replay:--every) return ;;
    replay:--try) return ;;
    replay:--threads) return ;;
    replay:--items) COMPREPLY=($(compgen -f -- "$cur")); return ;;
    replay:--report) COMPREPLY=($(compgen -f -- "$cur")); return ;;
    replay:--html) COMPREPLY=($(compgen -f -- "$cur")); return ;;
    replay:--snapshot) COMPREPLY=($(compgen -f -- "$cur")); return ;;
    replay:--from-snapshot) COMPREPLY=($(compgen -f -- "$cur")); return ;;
    snapshot:--vectors) return ;;
    top:-n) return ;;
    top:--snapshot) COMPREPLY=($(compgen -f -- "$cur")); return ;;
    similar:-n) return ;;
    similar:--snapshot) COMPREPLY=($(compgen -f -- "$cur")); return ;;
    predict:--snapshot) COMPREPLY=($(compgen -f -- "$cur")); return ;;
    explain:--snapshot) COMPREPLY=($(compgen -f -- "$cur")); return ;;
    explain:-n) return ;;
  esac
  case $command in
    '') words='run demo load replay snapshot top similar predict explain config help' ;;
    run) words=''; files=; options='' ;;
    demo) words=''; files=; options='--for --rate --seed --keep --stream --events' ;;
    load) words=''; files=yes; options='--format --rate --speed' ;;
    replay) words=''; files=yes; options='--topic --from --to --evaluate --warmup --every --try --threads --items --report --html --snapshot --publish --from-snapshot' ;;
    snapshot) words='info verify diff export'; files=yes; options='--json --vectors' ;;
    top) words=''; files=; options='-n --json --snapshot' ;;
    similar) words=''; files=; options='-n --json --snapshot' ;;
    predict) words=''; files=; options='--snapshot --matrix --json' ;;
    explain) words=''; files=; options='--snapshot -n --json' ;;
    config) words='check defaults show'; files=; options='--connect' ;;
  esac
  if [[ $cur == -* ]]; then
    words="$options -c --set --help --version"
  elif [[ -n $files ]]; then
    COMPREPLY=($(compgen -f -- "$cur"))
  fi
  COMPREPLY+=($(compgen -W "$words" -- "$cur"))
}
complete -o filenames -F _tasted tasted
