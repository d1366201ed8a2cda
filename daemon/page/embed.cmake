# cmake -DOUTPUT=x.c "-DFILES=name=path;name=path" -P embed.cmake
# Each file becomes  const char page_NAME[]  with its bytes and a NUL, and page_NAME_size without it.
set(text "#include \"daemon/page.h\"\n")
foreach(file IN LISTS FILES)
  string(REGEX MATCH "^([a-z_]+)=(.*)$" matched "${file}")
  set(name "${CMAKE_MATCH_1}")
  file(READ "${CMAKE_MATCH_2}" bytes HEX)
  string(LENGTH "${bytes}" length)
  math(EXPR size "${length} / 2")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
  string(REGEX REPLACE "(................................................................................)"
         "\\1\n" bytes "${bytes}")
  string(APPEND text "const size_t page_${name}_size = ${size};\n"
                     "const unsigned char page_${name}[] = {\n${bytes}0};\n")
endforeach()
file(WRITE "${OUTPUT}" "${text}")
