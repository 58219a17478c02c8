package house

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"strings"
)

// findGlobals looks for package variables that can change. Allowed are errors, and tables of plain data that nothing in
// the module assigns. What a variable's type hides (a value changed behind a copied slice) is for a reader to see.
func findGlobals(t *tree) (found []finding) {
	changed := map[types.Object]token.Pos{}
	for _, p := range t.packages {
		if r, ok := rowOf(p.path); ok && (r.strict != 0 || r.public) {
			t.check(p)
			for i, f := range p.files {
				if p.built[i] {
					findChanges(f, p.info, changed)
				}
			}
		}
	}
	const instead = ": keep it in a value that the caller owns, or make it a table that nothing assigns"
	t.typed(globals, func(p *goPackage, f *ast.File) {
		for _, name := range packageVars(f) {
			obj := p.info.Defs[name]
			if obj == nil || name.Name == "_" {
				continue
			}
			text := ""
			if at, ok := changed[obj]; ok {
				where := t.fset.Position(at)
				text = fmt.Sprintf("package variable %s changes at %s:%d%s", name.Name, where.Filename, where.Line, instead)
			} else if !isData(obj.Type(), nil) {
				text = fmt.Sprintf("package variable %s can hold state (its type is %s)%s", name.Name, types.TypeString(obj.Type(), types.RelativeTo(p.types)), instead)
			}
			if text != "" {
				found = append(found, t.at(name.Pos(), "globals", text))
			}
		}
	})
	return found
}

func packageVars(f *ast.File) (names []*ast.Ident) {
	for _, d := range f.Decls {
		if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.VAR {
			for _, spec := range g.Specs {
				names = append(names, spec.(*ast.ValueSpec).Names...)
			}
		}
	}
	return names
}

// isData reports whether a value of the type is an error, or plain data without pointers, channels and interfaces.
// Seen holds the named types that are being looked at.
func isData(t types.Type, seen []types.Type) bool {
	if types.Identical(t, types.Universe.Lookup("error").Type()) {
		return true
	}
	if named, ok := t.(*types.Named); ok {
		for _, s := range seen {
			if types.Identical(s, named) {
				return true
			}
		}
		if pkg := named.Obj().Pkg(); pkg != nil && (pkg.Path() == "sync" || strings.HasPrefix(pkg.Path(), "sync/")) {
			return false
		}
		seen = append(seen, named)
	}
	switch u := t.Underlying().(type) {
	case *types.Basic:
		return u.Kind() != types.UnsafePointer
	case *types.Signature:
		return true
	case *types.Array:
		return isData(u.Elem(), seen)
	case *types.Slice:
		return isData(u.Elem(), seen)
	case *types.Map:
		return isData(u.Key(), seen) && isData(u.Elem(), seen)
	case *types.Struct:
		for f := range u.Fields() {
			if !isData(f.Type(), seen) {
				return false
			}
		}
		return true
	}
	return false
}

// changers are functions that change what their first argument holds.
var changers = map[string][]string{
	"slices": {"Sort", "SortFunc", "SortStableFunc", "Reverse", "Delete", "DeleteFunc", "Compact", "CompactFunc", "Insert", "Replace"},
	"sort":   {"Sort", "Stable", "Slice", "SliceStable", "Ints", "Strings", "Float64s"},
	"maps":   {"Copy", "DeleteFunc", "Insert"},
}

// findChanges notes each package variable that a file assigns, changes in place or takes the address of.
func findChanges(f *ast.File, info *types.Info, changed map[types.Object]token.Pos) {
	note := func(e ast.Expr) {
		v, ok := rootOf(e, info).(*types.Var)
		if !ok || v.Pkg() == nil || v.Parent() != v.Pkg().Scope() {
			return
		}
		if _, again := changed[v]; !again {
			changed[v] = e.Pos()
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for _, e := range n.Lhs {
				note(e)
			}
		case *ast.IncDecStmt:
			note(n.X)
		case *ast.RangeStmt:
			if n.Tok == token.ASSIGN {
				note(n.Key)
				note(n.Value)
			}
		case *ast.UnaryExpr:
			if n.Op == token.AND {
				note(n.X)
			}
		case *ast.SliceExpr:
			if t := info.TypeOf(n.X); t != nil {
				if _, isArray := t.Underlying().(*types.Array); isArray { // an address in disguise
					note(n.X)
				}
			}
		case *ast.SelectorExpr:
			if s := info.Selections[n]; s != nil && s.Kind() == types.MethodVal && takesAddress(s) {
				note(n.X)
			}
		case *ast.CallExpr:
			if len(n.Args) > 0 && changesFirst(called(n, info)) {
				note(n.Args[0])
			}
		}
		return true
	})
}

// takesAddress reports whether a method with a pointer receiver is selected on something that is no pointer.
func takesAddress(s *types.Selection) bool {
	_, wants := s.Obj().Type().(*types.Signature).Recv().Type().(*types.Pointer)
	_, has := s.Recv().Underlying().(*types.Pointer)
	return wants && !has
}

func changesFirst(obj types.Object) bool {
	if b, ok := obj.(*types.Builtin); ok {
		return b.Name() == "copy" || b.Name() == "clear" || b.Name() == "delete"
	}
	pkg, name := foreignName(obj)
	for _, c := range changers[pkg] {
		if c == name {
			return true
		}
	}
	return false
}

// rootOf returns the variable at the bottom of x[i], x.f, x[a:b], *x and their like, nil if there is none.
func rootOf(e ast.Expr, info *types.Info) types.Object {
	switch e := e.(type) {
	case *ast.Ident:
		return info.Uses[e]
	case *ast.ParenExpr:
		return rootOf(e.X, info)
	case *ast.IndexExpr:
		return rootOf(e.X, info)
	case *ast.SliceExpr:
		return rootOf(e.X, info)
	case *ast.StarExpr:
		return rootOf(e.X, info)
	case *ast.SelectorExpr:
		if v, ok := info.Uses[e.Sel].(*types.Var); ok && !v.IsField() {
			return v // of another package
		}
		return rootOf(e.X, info)
	}
	return nil
}
