package sim

func (s *shrinker) explain() {
	res, err := s.run(s.best, Plain)
	if err != nil {
		s.err = err
		return
	}
	c := *s.best
	seal(&c, res)
	s.best = &c
}
