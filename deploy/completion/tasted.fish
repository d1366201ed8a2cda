# fish completion for tasted; made by 'tasted generate': do not edit
set -g __tasted_keys 'kafka.bootstrap.servers= input.topic= input.dead_letter_topic= input.catalogue_topic= input.group= input.start= input.dedupe_ids= input.user= input.item= input.event= input.ts= input.value= input.id= input.context= input.played_ms= input.duration_ms= redis.url= redis.prefix= signals.play= signals.click= signals.like= signals.add= signals.purchase= signals.rating= signals.view= signals.skip= signals.dislike= signals.skip_below= signals.rating_scale= signals.rating_positive= signals.rating_negative= model.seed= model.dim= model.memory_limit= model.threads= lists.size= lists.exclude_seen= lists.format= lists.ttl= lists.refresh= lists.notify= snapshot.path= snapshot.interval= http.listen= log.level='
complete -c tasted -f
complete -c tasted -s c -rF -d 'the settings file; /etc/tasted/tasted.conf if not given'
complete -c tasted -l set -x -a "$__tasted_keys" -d 'sets one option, over file and environment; repeatable'
complete -c tasted -l help -d 'what a command does and takes'
complete -c tasted -l version -d 'the version'
complete -c tasted -n __fish_use_subcommand -a snapshot -d 'what a snapshot file holds, and whether it is whole'
complete -c tasted -n '__fish_seen_subcommand_from snapshot' -a 'info verify'
complete -c tasted -n '__fish_seen_subcommand_from snapshot' -F
complete -c tasted -n '__fish_seen_subcommand_from snapshot' -l json -d 'info: one JSON object instead of a table'
complete -c tasted -n __fish_use_subcommand -a config -d 'checks, explains and shows the settings'
complete -c tasted -n '__fish_seen_subcommand_from config' -a 'check defaults show'
complete -c tasted -n '__fish_seen_subcommand_from config' -l connect -d 'check: also reaches for Kafka, its topics, and Redis'
