# Where a distribution would put what tasted brings; included by the top CMakeLists.txt.
#
#   cmake --install build                        under CMAKE_INSTALL_PREFIX
#   DESTDIR=/staging cmake --install build       for packages
#
# The settings belong to the machine: with the prefixes /usr and /usr/local they are in /etc, where
# the binary looks for them, and a file that is already there is left alone.

install(TARGETS tasted RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES deploy/tasted.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES deploy/tasted.conf.5 DESTINATION ${CMAKE_INSTALL_MANDIR}/man5)
install(FILES deploy/tasted.conf DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME tasted.conf.sample)
install(DIRECTORY deploy/examples DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES deploy/completion/tasted.bash
        DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME tasted)
install(FILES deploy/completion/_tasted DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
install(FILES deploy/completion/tasted.fish
        DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)

# The prefix is known only now, when it is installed: `cmake --install build --prefix P`.
install(CODE "
  set(bindir \"${CMAKE_INSTALL_BINDIR}\")
  set(source \"${CMAKE_CURRENT_SOURCE_DIR}/deploy\")
  set(work \"${CMAKE_CURRENT_BINARY_DIR}\")")
install(CODE [[
  file(READ "${source}/tasted.service" unit)
  string(REPLACE "/usr/bin/tasted" "${CMAKE_INSTALL_PREFIX}/${bindir}/tasted" unit "${unit}")
  file(WRITE "${work}/tasted.service" "${unit}")
  file(INSTALL "${work}/tasted.service" DESTINATION "${CMAKE_INSTALL_PREFIX}/lib/systemd/system")
  if(CMAKE_INSTALL_PREFIX MATCHES "^/(usr(/local)?/?)?$")
    set(etc /etc/tasted)
  else()
    set(etc "${CMAKE_INSTALL_PREFIX}/etc/tasted")
  endif()
  if(EXISTS "$ENV{DESTDIR}${etc}/tasted.conf")
    message(STATUS "Kept: $ENV{DESTDIR}${etc}/tasted.conf")
  else()
    file(INSTALL "${source}/tasted.conf" DESTINATION "${etc}")
  endif()
]])

# Writes what the binary's tables say again: after a change to a command or an option.
add_custom_target(generated
  COMMAND bash ${CMAKE_CURRENT_SOURCE_DIR}/deploy/generate $<TARGET_FILE:tasted>
  DEPENDS tasted VERBATIM)

# ---- a package for Debian and what is made of it: cmake --build build --target package -----------
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_CONTACT "the authors of tasted <root@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_PACKAGE_DESCRIPTION
    "Learns from every click, skip and play in Kafka as it arrives, and keeps the list of
recommendations of every user fresh in Redis.")
# So that it is installed as above, into a staging folder.
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(debian ${CMAKE_CURRENT_SOURCE_DIR}/deploy/debian)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
    "${debian}/conffiles;${debian}/postinst;${debian}/prerm;${debian}/postrm")
include(CPack)
