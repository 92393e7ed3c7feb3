# code.awk - prints C as "FILE:LINE:code", without comments and with empty strings and characters.
#
# With -v strings=1 strings stay; with -v bare=1 lines come without their place, so that the output
# has the lines of the input.
FNR == 1 { comment = 0 }

{
    code = ""
    line = $0
    while (line != "") {
        if (comment) {
            end = index(line, "*/")
            if (end == 0)
                break
            line = substr(line, end + 2)
            comment = 0
            code = code " "
            continue
        }
        two = substr(line, 1, 2)
        one = substr(line, 1, 1)
        if (two == "//")
            break
        if (two == "/*") {
            comment = 1
            line = substr(line, 3)
        } else if (one == "\"" || one == "'") {
            line = substr(line, 2)
            text = ""
            while (line != "" && substr(line, 1, 1) != one) {
                width = substr(line, 1, 1) == "\\" ? 2 : 1
                text = text substr(line, 1, width)
                line = substr(line, width + 1)
            }
            line = substr(line, 2)
            code = code one (strings ? text : "") one
        } else {
            code = code one
            line = substr(line, 2)
        }
    }
    if (bare)
        print code
    else if (code ~ /[^ \t]/)
        print FILENAME ":" FNR ":" code
}
